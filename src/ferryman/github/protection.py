"""Branch protection: what main and develop should have, what they lack, and setting it where nothing is set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ferryman.errors import MALFORMED, Refused, Unreachable
from ferryman.github.api import GitHub, ref_path


@dataclass(frozen=True)
class Rules:
    """At least this many approvals, and these checks green, before a pull request is merged."""

    reviews: int = 1
    checks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Protection:
    """A branch: `state` is protected, set, would be set, differs or missing; `lacks` is what a person must add."""

    branch: str
    state: str
    lacks: tuple[str, ...] = ()


def lacks(found: dict[str, Any] | None, rules: Rules) -> list[str]:
    """Pure: what a branch's protection lacks; more than is wanted is never a lack."""
    protection = {} if found is None else found
    reviews = protection.get("required_pull_request_reviews")
    checks = protection.get("required_status_checks") or {}
    known = {*checks.get("contexts", []), *(check["context"] for check in checks.get("checks", []))}
    missing = [] if reviews else ["a pull request before merging"]
    count = (reviews or {}).get("required_approving_review_count", 0)
    missing += [] if count >= rules.reviews else [f"{rules.reviews} approving reviews (it has {count})"]
    missing += [f"the check {check}" for check in rules.checks if check not in known]
    for key, what in (("allow_force_pushes", "no force pushes"), ("allow_deletions", "no deletion")):
        missing += [what] if found is None or (protection.get(key) or {}).get("enabled") else []
    return missing


def wanted(rules: Rules) -> dict[str, Any]:
    """Pure: the protection of a branch that has none. Administrators may pass it, lest somebody alone is locked out."""
    checks = {"strict": False, "contexts": list(rules.checks)} if rules.checks else None
    reviews = {"required_approving_review_count": rules.reviews, "dismiss_stale_reviews": True}
    return {
        "required_pull_request_reviews": reviews,
        "required_status_checks": checks,
        "enforce_admins": False,
        "restrictions": None,
        "allow_force_pushes": False,
        "allow_deletions": False,
    }


def protect(github: GitHub, branches: Sequence[str], rules: Rules, *, is_dry: bool) -> list[Protection]:
    """Protect the branches that have no protection; one that has some is never overwritten, only compared.

    Raises what `GitHub` raises, and `github-unexpected` for an answer that makes no sense.
    """
    found: list[Protection] = []
    for branch in branches:
        try:
            found.append(_protect(github, branch, rules, is_dry=is_dry))
        except MALFORMED as error:
            state = "".join(f"{one.branch} was protected; " for one in found if one.state == "set")
            raise Unreachable(
                "github-unexpected",
                f"GitHub's answer about the protection of {branch} is not what its API describes ({error!r})",
                state=f"{state}how {branch} is protected is not known",
                hint="try again later",
            ) from None
    return found


def _protect(github: GitHub, branch: str, rules: Rules, *, is_dry: bool) -> Protection:
    if github.get(f"/git/ref/heads/{ref_path(branch)}") is None:
        return Protection(branch, "missing")
    path = f"/branches/{ref_path(branch)}/protection"
    found = github.get(path)
    missing = tuple(lacks(found, rules))
    if found is not None:
        return Protection(branch, "differs" if missing else "protected", missing)
    if is_dry:
        return Protection(branch, "would be set", missing)
    left = lacks(github.put(path, wanted(rules)), rules)
    if left:
        raise Refused("protection-not-set", f"GitHub took the protection of {branch}, and it lacks {', '.join(left)}")
    return Protection(branch, "set", missing)
