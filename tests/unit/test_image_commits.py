"""The log that travels with a deploy: read from real repositories, however hostile what stands in them."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
from pathlib import Path

import pytest

from ferryman.git import commits
from ferryman.git.commits import read_commits
from ferryman_agent.ledger import Release, ReleaseState
from ferryman_agent.transaction.orders.commits import brought, parse_commits

AT = "2026-11-23T07:41:09Z"
SECONDS = "1795419669 +0530"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "--quiet", "--initial-branch=main")
    return root


def git(root: Path, *arguments: str, date: str = SECONDS) -> str:
    identity = ["-c", "user.name=Ada", "-c", "user.email=ada@example.invalid", "-c", "commit.gpgsign=false"]
    variables = {**os.environ, "GIT_COMMITTER_DATE": date, "GIT_AUTHOR_DATE": "1112911993 +0000"}
    command = ["git", "-C", str(root), *identity, *arguments]
    done = subprocess.run(command, check=True, capture_output=True, env=variables)
    return done.stdout.decode(errors="replace").strip()


def commit(root: Path, message: str) -> str:
    git(root, "commit", "--quiet", "--allow-empty", f"--message={message}")
    return git(root, "rev-parse", "HEAD")


def raw_commit(root: Path, message: bytes, author: bytes = b"Ada", time: bytes = SECONDS.encode()) -> str:
    """A commit as no well-behaved program writes it."""
    tree = git(root, "write-tree").encode()
    person = author + b" <ada@example.invalid> " + time
    text = b"tree " + tree + b"\nauthor " + person + b"\ncommitter " + person + b"\n\n" + message
    command = ["git", "-C", str(root), "hash-object", "-t", "commit", "-w", "--stdin", "--literally"]
    return subprocess.run(command, check=True, input=text, capture_output=True).stdout.decode().strip()


def only(root: Path, revision: str) -> dict[str, object]:
    found = read_commits(root, revision)
    assert found is not None
    assert parse_commits(json.loads(json.dumps(found))) is not None  # the agent takes whatever is sent
    (one,) = found
    return one


def test_the_log_is_told_newest_first_with_parents_and_in_utc(repository: Path) -> None:
    first, second = commit(repository, "Begin\n\nWith a body"), commit(repository, "Go on")
    assert read_commits(repository, second) == [
        {"revision": second, "parents": [first], "subject": "Go on", "author": "Ada", "at": AT},
        {"revision": first, "parents": [], "subject": "Begin", "author": "Ada", "at": AT},
    ]
    assert read_commits(repository, first) == [
        {"revision": first, "parents": [], "subject": "Begin", "author": "Ada", "at": AT},
    ]


def test_a_merge_has_both_parents_and_brings_its_branch(repository: Path) -> None:
    first = commit(repository, "Begin")
    git(repository, "switch", "--quiet", "--create=feature")
    feature = commit(repository, "Add a feature")
    git(repository, "switch", "--quiet", "main")
    main = commit(repository, "Go on")
    git(repository, "merge", "--quiet", "--no-ff", "--message=Merge it", "feature")
    found = read_commits(repository, "HEAD")
    assert found is not None
    assert (found[0]["subject"], found[0]["parents"]) == ("Merge it", [main, feature])
    assert {item["revision"] for item in found[1:]} == {first, feature, main}


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        (b"Clear \x1b[2J\x07the screen", "Clear \ufffd[2J\ufffdthe screen"),
        (b"Turn \xe2\x80\xae around", "Turn \ufffd around"),
        (b"Break \xff\xfe it", "Break \ufffd\ufffd it"),
        (b"C1 \xc2\x9b2J and\ttab\rreturn", "C1 \ufffd2J and\ufffdtab\ufffdreturn"),
        (b"%H %x00 ${HOME} $(id) `id`", "%H %x00 ${HOME} $(id) `id`"),
        ("👩‍🚀 Größe".encode(), "👩‍🚀 Größe"),
        (b"", ""),
        (b"\n\n  \n", ""),
    ],
)
def test_a_hostile_message_becomes_one_harmless_line(repository: Path, message: bytes, subject: str) -> None:
    assert only(repository, raw_commit(repository, message))["subject"] == subject


def test_what_is_too_long_is_cut(repository: Path) -> None:
    found = only(repository, raw_commit(repository, "🎈".encode() * 2500, author="é".encode() * 300))
    assert found["subject"] == "🎈" * 199 + "…"
    assert found["author"] == "é" * 99 + "…"


@pytest.mark.parametrize("time", [b"99999999999999 +0000", b"18446744073709551615 +0000", b"-5 +0000", b"never", b""])
def test_a_time_that_is_none_is_still_a_time(repository: Path, time: bytes) -> None:
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(only(repository, raw_commit(repository, b"x", time=time))["at"])
    )


def test_the_users_own_settings_do_not_change_the_log(repository: Path) -> None:
    revision = raw_commit(repository, "Größe".encode("latin-1"))
    expected = read_commits(repository, revision)
    for setting in (
        *("log.showSignature=true", "log.showRoot=true", "log.decorate=full", "log.date=relative", "log.mailmap=false"),
        *("i18n.logOutputEncoding=utf-16", "format.pretty=raw", "color.ui=always", "log.diffMerges=on"),
    ):
        name, _, value = setting.partition("=")
        git(repository, "config", name, value)
    assert read_commits(repository, revision) == expected


def test_at_most_50_commits_travel_and_less_than_the_agent_takes(repository: Path) -> None:
    message = "🎈" * 2500
    for _ in range(53):
        commit(repository, message)
    found = read_commits(repository, "HEAD")
    assert found is not None
    assert 10 < len(found) < 50
    assert len(json.dumps(found)) <= commits.LIMIT_BYTES
    assert parse_commits(found) is not None
    for number in range(53):
        commit(repository, f"Change {number}")
    assert [item["subject"] for item in read_commits(repository, "HEAD") or []] == [
        f"Change {number}" for number in range(52, 2, -1)
    ]


def test_a_shallow_clone_tells_what_it_has_and_where_it_ends(repository: Path, tmp_path: Path) -> None:
    for number in range(4):
        commit(repository, f"Change {number}")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth=2", f"file://{repository}", str(clone))
    (clone / "service").mkdir()
    for folder in (clone, clone / "service"):
        found = read_commits(folder, "HEAD")
        assert found is not None
        assert [item["subject"] for item in found] == ["Change 3", "Change 2"]
        assert found[0]["parents"] == [found[1]["revision"]]
        assert found[1]["parents"] is None


@pytest.mark.parametrize("seed", range(6))
def test_what_is_brought_is_what_git_itself_says(repository: Path, seed: int) -> None:
    """Histories of random merges and clocks that go wrong: `git rev-list previous..revision` has the same commits."""
    chance = random.Random(seed)  # noqa: S311 - no secret, the same histories each time
    tree = git(repository, "write-tree")
    revisions: list[str] = []
    for number in range(14):
        above = chance.sample(revisions[-5:], k=min(len(revisions), chance.choice([1, 1, 2, 3])))
        parents = [word for parent in above for word in ("-p", parent)]
        date = f"{1795419669 + chance.randrange(-5000, 5000)} +0000"
        revisions.append(git(repository, "commit-tree", tree, "-m", f"Change {number}", *parents, date=date))
    for previous in revisions[::3]:
        for revision in revisions[1::3]:
            log = parse_commits(read_commits(repository, revision))
            found = brought(log, served(previous), [served(previous)])
            if previous in git(repository, "rev-list", revision).split():
                expected = set(git(repository, "rev-list", f"{previous}..{revision}").split())
                assert ({commit.revision for commit in found.commits}, found.is_complete) == (expected, True)
            else:
                assert not found.is_complete


def served(revision: str) -> Release:
    return Release("shop.production", 1, "acme/shop", "sha256:1", revision, {}, 1, None, ReleaseState.HEALTHY, AT)


def test_a_log_that_cannot_be_read_is_none(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(repository, "Begin")
    assert read_commits(tmp_path / "nowhere", "HEAD") is None
    assert read_commits(repository, "0" * 40) is None
    assert read_commits(repository, "--output=stolen") is None
    assert not (repository / "stolen").exists()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_commits(repository, "HEAD") is None
