"""Merged branches: which of a repository's may go, why each of the others stays, and their deletion."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from ferryman.errors import FerrymanError, Refused
from ferryman.github.api import GitHub, ref_path

LASTING = ("main", "develop")


@dataclass(frozen=True)
class Branch:
    """A branch and the commit that it names."""

    name: str
    sha: str
    is_protected: bool


@dataclass(frozen=True)
class OpenPulls:
    """The branches of this repository that open pull requests come from, and those that they go to."""

    heads: frozenset[str]
    bases: frozenset[str]


@dataclass(frozen=True)
class Merge:
    """What is known of a branch: the merged pull requests of its very commit, the lasting branches that contain it."""

    pulls: tuple[tuple[int, str], ...] = ()
    contained_in: tuple[str, ...] = ()
    is_tip_of: tuple[str, ...] = ()
    has_deletion_rule: bool = False


@dataclass(frozen=True)
class Verdict:
    """A branch with what becomes of it, and why."""

    name: str
    sha: str
    why: str


@dataclass
class BranchReport:
    """What came of a clean-up of branches; filled while it goes on, so that a failure does not lose what was done."""

    repository: str
    removed: list[Verdict] = field(default_factory=list)
    kept: list[Verdict] = field(default_factory=list)
    failed: list[Verdict] = field(default_factory=list)


def why_kept_at_once(branch: Branch, lasting: Iterable[str], patterns: Iterable[str], pulls: OpenPulls) -> str:
    """Pure: why a branch stays whatever was merged; "" when that has to be found out."""
    if branch.name in lasting:
        return "lasting"
    if branch.is_protected:
        return "protected"
    if any(fnmatchcase(branch.name, pattern) for pattern in patterns):
        return "kept by ferryman.toml"
    if branch.name in pulls.heads:
        return "has an open pull request"
    return "is the base of an open pull request" if branch.name in pulls.bases else ""


def why_it_goes(merge: Merge) -> tuple[str, str]:
    """Pure: (why it goes, "") or ("", why it stays)."""
    if merge.has_deletion_rule:
        return "", "a rule forbids its deletion"
    if merge.pulls:
        number, base = merge.pulls[0]
        return f"pull request {number} was merged into {base}", ""
    if merge.is_tip_of:
        return "", f"new: the same commit as {merge.is_tip_of[0]}"
    if merge.contained_in:
        return f"merged into {merge.contained_in[0]}", ""
    return "", "not merged"


def clean_branches(
    github: GitHub, patterns: Iterable[str], report: BranchReport, *, is_dry: bool, on_line: Callable[[str], None]
) -> None:
    """Delete the branches that were merged.

    1. The default branch, all branches, the open pull requests. 2. For each branch that may go: its merged pull
    requests, what contains it, the rules for it. 3. The open pull requests once more. 4. Each is looked at again right
    before it is deleted: one that has moved stays. A push between that look and the deletion can't be excluded; the
    report has the commit, with which the branch can be made again. Raises what `GitHub` raises.
    """
    patterns = tuple(patterns)
    repository = github.get("")
    if repository is None:
        raise Refused(
            "github-forbidden", f"GitHub shows this token no repository {github.repository}", hint="check its name"
        )
    branches = [_branch(found) for found in github.pages("/branches")]
    names = {*LASTING, str(repository["default_branch"])}
    lasting = {branch.name: branch.sha for branch in branches if branch.name in names}
    candidates = _sort(branches, names, patterns, github, report.kept)
    going: list[Verdict] = []
    for branch in candidates:
        on_line(f"looking at {branch.name}")
        why, stays = why_it_goes(_merge(github, branch, lasting))
        (report.kept if stays else going).append(Verdict(branch.name, branch.sha, why or stays))
    opened = _open_pulls(github) if going else OpenPulls(frozenset(), frozenset())
    for verdict in going:
        if verdict.name in opened.heads | opened.bases:
            report.kept.append(Verdict(verdict.name, verdict.sha, "a pull request was opened meanwhile"))
        elif is_dry:
            report.removed.append(verdict)
        else:
            _delete(github, verdict, report)


def _sort(
    branches: list[Branch], lasting: set[str], patterns: tuple[str, ...], github: GitHub, kept: list[Verdict]
) -> list[Branch]:
    """Those that may go; the others are noted as kept."""
    pulls = _open_pulls(github)
    candidates = []
    for branch in branches:
        why = why_kept_at_once(branch, lasting, patterns, pulls)
        if why:
            kept.append(Verdict(branch.name, branch.sha, why))
        else:
            candidates.append(branch)
    return candidates


def _branch(found: dict[str, Any]) -> Branch:
    return Branch(str(found["name"]), str(found["commit"]["sha"]), bool(found["protected"]))


def _open_pulls(github: GitHub) -> OpenPulls:
    found = list(github.pages("/pulls", state="open"))
    heads = [pull["head"]["ref"] for pull in found if _is_of(github, pull)]
    return OpenPulls(frozenset(heads), frozenset(pull["base"]["ref"] for pull in found))


def _is_of(github: GitHub, pull: dict[str, Any]) -> bool:
    """Whether a pull request's head is in this repository, not in a fork; a fork that is gone is null."""
    repository = pull["head"].get("repo")
    return bool(repository) and str(repository["full_name"]).lower() == github.repository.lower()


def _merge(github: GitHub, branch: Branch, lasting: dict[str, str]) -> Merge:
    closed = github.pages("/pulls", state="closed", head=f"{github.owner}:{branch.name}")
    pulls = tuple(
        (int(pull["number"]), str(pull["base"]["ref"]))
        for pull in closed
        if pull["merged_at"] and _is_of(github, pull) and pull["head"]["sha"] == branch.sha
        if pull["head"]["ref"] == branch.name and pull["base"]["ref"] in lasting
    )
    tips = tuple(name for name, sha in lasting.items() if sha == branch.sha)
    contained = () if pulls or tips else tuple(name for name, sha in lasting.items() if _contains(github, sha, branch))
    if not (pulls or contained):
        return Merge(is_tip_of=tips)
    rules = github.pages(f"/rules/branches/{ref_path(branch.name)}")
    return Merge(pulls, contained, tips, any(rule.get("type") == "deletion" for rule in rules))


def _contains(github: GitHub, base: str, branch: Branch) -> bool:
    """Whether a commit has the branch's among its ancestors; two commits without a common one are a 404."""
    found = github.get(f"/compare/{base}...{branch.sha}", per_page=1)
    return bool(found) and found["status"] in ("behind", "identical")


def _delete(github: GitHub, verdict: Verdict, report: BranchReport) -> None:
    current = _sha(github, verdict.name)
    if current != verdict.sha:
        why = "gone already" if current is None else "moved since it was looked at"
        report.kept.append(Verdict(verdict.name, verdict.sha, why))
        return
    try:
        status = github.delete(f"/git/refs/heads/{ref_path(verdict.name)}")
    except FerrymanError as error:
        if error.code != "github-unreachable":  # what it can't do it can't do for the next one either
            raise
        _record_lost_answer(github, verdict, error, report)
        return
    if status == 204:
        report.removed.append(verdict)
    elif _sha(github, verdict.name) is None:
        report.kept.append(Verdict(verdict.name, verdict.sha, "gone already"))
    else:
        report.failed.append(Verdict(verdict.name, verdict.sha, f"GitHub did not delete it (status {status})"))


def _record_lost_answer(github: GitHub, verdict: Verdict, error: FerrymanError, report: BranchReport) -> None:
    """No answer came to a deletion: look whether it was carried out."""
    try:
        is_gone = _sha(github, verdict.name) is None
    except FerrymanError:
        report.failed.append(Verdict(verdict.name, verdict.sha, f"not known whether it is gone: {error.message}"))
        raise error from None
    if is_gone:
        report.removed.append(verdict)
    else:
        report.failed.append(Verdict(verdict.name, verdict.sha, error.message))


def _sha(github: GitHub, branch: str) -> str | None:
    found = github.get(f"/git/ref/heads/{ref_path(branch)}")
    return str(found["object"]["sha"]) if found else None
