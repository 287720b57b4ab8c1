"""The commits that a deploy brings: checked, cut at what served, told to those who watch and to Harbour."""

from __future__ import annotations

from typing import Any

import pytest

from ferryman_agent.errors import BadRequest
from ferryman_agent.host import Host
from ferryman_agent.ledger import Release, ReleaseState
from ferryman_agent.testing import FakeMachine, carry_out, manifest
from ferryman_agent.transaction.orders import RollbackOrder
from ferryman_agent.transaction.orders.commits import Brought, Commit, brought, parse_commits

AT = "2026-11-23T07:41:09Z"


def sha(name: str) -> str:
    return f"{name.encode().hex():0>40}"


def told(name: str, *parents: str, **changed: Any) -> dict[str, Any]:
    above = [sha(parent) for parent in parents]
    return {"revision": sha(name), "parents": above, "subject": f"Do {name}", "author": "Ada", "at": AT, **changed}


def log(text: str) -> list[Commit]:
    """`d<c c<b b<?`: each commit with its parents, `?` for parents that are not known; `m<c,f` is a merge."""
    found = []
    for item in text.split():
        name, _, above = item.partition("<")
        parents = None if above == "?" else tuple(map(sha, filter(None, above.split(","))))
        found.append(Commit(sha(name), parents, f"Do {name}", "Ada", AT))
    return found


def release(number: int, name: str, state: str = "healthy") -> Release:
    revision = sha(name[0]) + ("-dirty-01234567" if name.endswith("*") else "")
    return Release("shop.production", number, "acme/shop", "sha256:1", revision, {}, 1, None, ReleaseState(state), AT)


def named(found: Brought) -> str:
    return "".join(commit.subject.removeprefix("Do ") for commit in found.commits)


@pytest.mark.parametrize(
    ("case", "commits", "served", "expected", "is_complete"),
    [
        ("what came after", "d<c c<b b<a a<", "b", "dc", True),
        ("the same commit brings none", "d<c c<b b<a a<", "d", "", True),
        ("a dirty build stands on its commit", "d<c c<b b<a a<", "c*", "d", True),
        ("an older branch that was merged since", "m<c,f c<b b<a f<a a<", "c", "mf", True),
        ("a branch whose begin is not in the log", "m<c,f c<b f<x b<a", "c", "mf", False),
        ("the log of a shallow clone that has what served", "d<c c<b b<?", "c", "d", True),
        ("a shallow clone that ends beside it", "m<c,f c<b f<? b<?", "c", "mf", False),
        ("what served is too far back", "d<c c<b b<a", "z", "dcb", False),
        ("a first release", "c<b b<a a<", "", "cba", False),
        ("an empty log", "", "b", "", False),
    ],
)
def test_a_deploy_brings_what_did_not_serve_before(
    case: str, commits: str, served: str, expected: str, is_complete: bool
) -> None:
    previous = release(1, served) if served else None
    found = brought(log(commits), previous, [previous] if previous else [])
    assert (named(found), found.is_complete) == (expected, is_complete), case


def test_a_deploy_of_an_older_revision_brings_nothing() -> None:
    releases = [release(3, "d"), release(2, "b", "pruned"), release(1, "a", "failed")]
    found = brought(log("b<a a<"), releases[0], releases)
    assert (named(found), found.is_complete) == ("", False)
    assert named(brought(log("a<"), releases[0], releases)) == "a"  # it failed, so it never served


def test_where_what_served_is_not_found_the_newest_are_shown() -> None:
    names = [f"commit-{number}" for number in range(50)]
    commits = [
        Commit(sha(name), (sha(above),), name, "Ada", AT)
        for name, above in zip(names, [*names[1:], "begin"], strict=True)
    ]
    found = brought(commits, release(1, "z"), [release(1, "z")])
    assert [commit.subject for commit in found.commits] == names[:20]
    assert not found.is_complete


def test_a_client_that_tells_no_commits_leaves_them_unknown() -> None:
    assert parse_commits(None) is None
    assert brought(None, release(1, "a"), []).as_json() == {"commits": [], "commits_complete": False}


def test_what_is_told_is_kept_and_what_is_unknown_is_ignored() -> None:
    found = parse_commits([told("b", "a", subject="Größe 👩‍🚀 \u200fא", gravatar="x"), told("a", parents=None)])
    assert found is not None
    assert [commit.parents for commit in found] == [(sha("a"),), None]
    assert Brought(found).as_json()["commits"][0] == {
        "revision": sha("b"),
        "subject": "Größe 👩‍🚀 \u200fא",
        "author": "Ada",
        "at": AT,
    }


@pytest.mark.parametrize(
    ("found", "named"),
    [
        ({}, "commits"),
        ([told("a")] * 51, "commits"),
        ([told("a", subject="🎈" * 200)] * 40, "commits"),
        ([None], "commits/0"),
        ([told("b"), told("a", revision="main")], "commits/1/revision"),
        ([told("a", revision=sha("a").upper().replace("0", "F"))], "commits/0/revision"),
        ([told("a", revision=sha("a") + "\n")], "commits/0/revision"),
        ([told("a", parents="none")], "commits/0/parents"),
        ([told("a", parents=[sha("b")] * 17)], "commits/0/parents"),
        ([told("a", parents=[7])], "commits/0/parents"),
        ([told("a", subject="x" * 201)], "commits/0/subject"),
        ([told("a", subject=None)], "commits/0/subject"),
        ([told("a", subject="two\nlines")], "commits/0/subject"),
        ([told("a", subject="\x1b[2J")], "commits/0/subject"),
        ([told("a", subject="\x9b2J")], "commits/0/subject"),
        ([told("a", subject="a\u2028b")], "commits/0/subject"),
        ([told("a", author="\u202eadA")], "commits/0/author"),
        ([told("a", author="x" * 101)], "commits/0/author"),
        ([told("a", author="\x00")], "commits/0/author"),
        ([told("a", at="2026-02-30T00:00:00Z")], "commits/0/at"),
        ([told("a", at="2026-11-23T07:41:09+01:00")], "commits/0/at"),
        ([told("a", at=1763883669)], "commits/0/at"),
    ],
)
def test_commits_in_another_form_are_refused_by_name(found: Any, named: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_commits(found)
    assert caught.value.message.startswith(f"{named}: ")


@pytest.fixture
def machine(folder: Any) -> FakeMachine:
    found = FakeMachine(folder)
    for word in ("a", "b", "c"):
        found.publish(word)
    return found


@pytest.fixture
def server(machine: FakeMachine) -> Host:
    return machine.agent()


def reported(server: Host) -> list[dict[str, Any]]:
    return [event["data"] for event in server.ledger.outbox(1000) if event["kind"] == "deployment.started"]


def test_harbour_and_those_who_follow_are_told_and_a_rollback_brings_none(machine: FakeMachine, server: Host) -> None:
    carry_out(server, machine.order("a", commits=[told("a")]), "first")
    second = carry_out(server, machine.order("c", commits=[told("c", "b"), told("b", "a"), told("a")]), "second")
    carry_out(server, RollbackOrder("shop.production", None, None), "third")

    first, then, back = reported(server)
    listed = [{key: told(name)[key] for key in ("revision", "subject", "author", "at")} for name in ("c", "b")]
    assert (first["commits"][0]["subject"], first["commits_complete"]) == ("Do a", False)
    assert (then["commits"], then["commits_complete"]) == (listed, True)
    assert (back["kind"], back["commits"], back["commits_complete"]) == ("rollback", [], True)
    (shown,) = [event for event in server.ledger.events(second.id) if event["kind"] == "deployment"]
    assert (shown["commits"], shown["commits_complete"], shown["previous"]) == (listed, True, 1)


def test_what_a_failed_deploy_did_not_bring_is_brought_by_the_next(machine: FakeMachine, server: Host) -> None:
    commits = [told("c", "b"), told("b", "a"), told("a")]
    carry_out(server, machine.order("a", commits=commits[2:]), "first")
    machine.docker.registry.pop(machine.order("b").manifest.image + "@" + machine.order("b").digest)
    failed = carry_out(server, machine.order("b", commits=commits[1:]), "second")
    assert failed.state == "failed"
    carry_out(server, machine.order("c", commits=commits), "third")
    assert [[commit["subject"] for commit in data["commits"]] for data in reported(server)] == [
        ["Do a"],
        ["Do b"],
        ["Do c", "Do b"],
    ]


def test_a_deploy_of_an_older_client_is_taken_as_it_was(machine: FakeMachine, server: Host) -> None:
    carry_out(server, machine.order("a", manifest()), "first")
    (data,) = reported(server)
    assert (data["commits"], data["commits_complete"]) == ([], False)
