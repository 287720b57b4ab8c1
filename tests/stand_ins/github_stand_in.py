"""A repository on GitHub in memory, behind the part of its REST API that Ferryman calls."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from answering import StandIn
from openapi import Call, Description

TOKEN = "ghs_stand-in"
REPOSITORY = "acme/shop"
DESCRIPTION = Path(__file__).with_name("github.json")
BELOW = "/repos/{owner}/{repo}"
TIME = "2026-11-24T08:00:00Z"
GONE = "ghost/gone"


def sha(word: str) -> str:
    """A commit that a word stands for."""
    return f"{word.encode().hex():0>40}"


@dataclass
class Pull:
    """A pull request; `head_repository` None: its fork is gone."""

    number: int
    head: str
    head_sha: str
    base: str = "main"
    is_open: bool = True
    is_merged: bool = False
    head_repository: str | None = REPOSITORY


@dataclass
class World:
    """What there is. `parents`: commit → its parents."""

    default: str = "main"
    branches: dict[str, str] = field(default_factory=dict)
    protected: set[str] = field(default_factory=set)
    rules: dict[str, list[str]] = field(default_factory=dict)
    pulls: list[Pull] = field(default_factory=list)
    parents: dict[str, list[str]] = field(default_factory=dict)
    protections: dict[str, dict[str, Any]] = field(default_factory=dict)

    def commit(self, word: str, *parents: str) -> str:
        """A commit on top of others."""
        self.parents[sha(word)] = list(parents)
        return sha(word)

    def history(self, commit: str) -> set[str]:
        """A commit and all its ancestors."""
        found, waiting = set[str](), [commit]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting += self.parents[current]
        return found


class GitHubStandIn(StandIn):
    """Answers as GitHub does, for one repository and one token."""

    def __init__(self, world: World) -> None:
        super().__init__(Description(json.loads(DESCRIPTION.read_text())))
        self.world = world

    @property
    def variables(self) -> dict[str, str]:
        """What a workflow's step has in its environment."""
        return {"GITHUB_TOKEN": TOKEN, "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_API_URL": self.url}

    def refusal(self, headers: dict[str, str]) -> tuple[int, Any] | None:
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "Bad credentials"}
        if headers.get("accept") != "application/vnd.github+json" or "x-github-api-version" not in headers:
            self.violations.append(f"the headers are not those that GitHub recommends: {headers}")
        return None

    def carry_out(self, call: Call) -> tuple[int, Any]:
        if f"{call.names['owner']}/{call.names['repo']}" != REPOSITORY:
            return self._nothing()
        place = call.template.removeprefix(BELOW)
        answers = {
            ("GET", ""): self._repository,
            ("GET", "/branches"): self._branches,
            ("GET", "/branches/{branch}/protection"): self._protection,
            ("PUT", "/branches/{branch}/protection"): self._protect,
            ("GET", "/compare/{basehead}"): self._compare,
            ("GET", "/git/ref/{ref}"): self._ref,
            ("DELETE", "/git/refs/{ref}"): self._delete,
            ("GET", "/pulls"): self._pulls,
            ("GET", "/rules/branches/{branch}"): self._rules,
        }
        return answers[call.method, place](call)

    def _nothing(self) -> tuple[int, Any]:
        return 404, self.description.sample("basic-error", message="Not Found")

    def _repository(self, call: Call) -> tuple[int, Any]:
        return 200, self.description.sample("full-repository", full_name=REPOSITORY, default_branch=self.world.default)

    def _page(self, call: Call, items: list[Any]) -> tuple[int, Any]:
        size, page = min(call.query.get("per_page", 30), 100), call.query.get("page", 1)
        return 200, items[(page - 1) * size : page * size]

    def _branches(self, call: Call) -> tuple[int, Any]:
        return self._page(
            call,
            [
                self.description.sample(
                    "short-branch",
                    name=name,
                    commit={"sha": commit, "url": f"{self.url}/{commit}"},
                    protected=name in self.world.protected,
                )
                for name, commit in sorted(self.world.branches.items())
            ],
        )

    def _pulls(self, call: Call) -> tuple[int, Any]:
        state, head = call.query.get("state", "open"), call.query.get("head")
        listed = [pull for pull in self.world.pulls if state == "all" or pull.is_open == (state == "open")]
        if head:
            listed = [p for p in listed if f"{(p.head_repository or GONE).split('/')[0]}:{p.head}" == head]
        return self._page(call, [self._pull(pull) for pull in reversed(listed)])

    def _pull(self, pull: Pull) -> dict[str, Any]:
        found = self.description.sample("pull-request-simple")
        repository = self.description.sample("repository", full_name=pull.head_repository or GONE)
        return {
            **found,
            "number": pull.number,
            "state": "open" if pull.is_open else "closed",
            "merged_at": TIME if pull.is_merged else None,
            "head": {**found["head"], "ref": pull.head, "sha": pull.head_sha, "repo": repository},
            "base": {**found["base"], "ref": pull.base, "sha": self.world.branches.get(pull.base, sha("gone"))},
        }

    def deviate(self, call: Call, answer: Any) -> Any:
        """GitHub answers null for a fork that is gone, which its description does not say."""
        if call.template.endswith("/pulls") and isinstance(answer, list):
            for pull in answer:
                if pull["head"]["repo"]["full_name"] == GONE:
                    pull["head"]["repo"] = None
        return answer

    def _compare(self, call: Call) -> tuple[int, Any]:
        base, _, head = call.names["basehead"].partition("...")
        if base not in self.world.parents or head not in self.world.parents:
            return self._nothing()
        ours, theirs = self.world.history(base), self.world.history(head)
        if not ours & theirs:
            return self._nothing()
        ahead, behind = len(theirs - ours), len(ours - theirs)
        status = "diverged" if ahead and behind else "ahead" if ahead else "behind" if behind else "identical"
        return 200, self.description.sample("commit-comparison", status=status, ahead_by=ahead, behind_by=behind)

    def _rules(self, call: Call) -> tuple[int, Any]:
        return self._page(call, [{"type": kind} for kind in self.world.rules.get(call.names["branch"], [])])

    def _ref(self, call: Call) -> tuple[int, Any]:
        branch = call.names["ref"].removeprefix("heads/")
        commit = self.world.branches.get(branch)
        if commit is None:
            return self._nothing()
        target = {"type": "commit", "sha": commit, "url": f"{self.url}/{commit}"}
        return 200, self.description.sample("git-ref", ref=f"refs/heads/{branch}", object=target)

    def _delete(self, call: Call) -> tuple[int, Any]:
        branch = call.names["ref"].removeprefix("heads/")
        if branch not in self.world.branches or branch == self.world.default or branch in self.world.protected:
            return 422, None
        del self.world.branches[branch]
        return 204, None

    def _protection(self, call: Call) -> tuple[int, Any]:
        found = self.world.protections.get(call.names["branch"])
        return (200, found) if found is not None else self._nothing()

    def _protect(self, call: Call) -> tuple[int, Any]:
        branch, body = call.names["branch"], call.body
        if branch not in self.world.branches:
            return self._nothing()
        checks, reviews = body["required_status_checks"], body["required_pull_request_reviews"]
        found: dict[str, Any] = {
            "url": f"{self.url}/protection",
            "enforce_admins": {"url": f"{self.url}/admins", "enabled": bool(body["enforce_admins"])},
            **{key: {"enabled": bool(body.get(key))} for key in ("allow_force_pushes", "allow_deletions")},
        }
        if reviews is not None:
            smallest = self.description.sample("protected-branch-pull-request-review", url=f"{self.url}/reviews")
            found["required_pull_request_reviews"] = {**smallest, **reviews}
        if checks is not None:
            listed = [{"context": name, "app_id": None} for name in checks["contexts"]]
            urls = {"url": f"{self.url}/checks", "contexts_url": f"{self.url}/contexts"}
            found["required_status_checks"] = {**urls, **checks, "checks": listed}
        self.world.protections[branch] = found
        self.world.protected.add(branch)
        return 200, found
