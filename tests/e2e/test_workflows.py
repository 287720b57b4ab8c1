"""The workflows that `init` writes, run for real: a project goes to a server by pushes alone, and comes back."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from actions import Run
from django_shop import DjangoShop
from github_stand_in import REPOSITORY, GitHubStandIn, Pull, World, sha

from ferryman.errors import Refused
from ferryman.image.registry import manifest_digest

HOSTILE = (
    "$(touch pwned) `touch pwned` \"; touch pwned; rm -rf ~/nothing # a' || touch pwned; '\n\n"
    "::set-env name=BASH_ENV::pwned\n$(touch pwned)\n" + "🚢" * 2500
)
BRANCH = "$(touch${IFS}pwned);`touch${IFS}pwned`;a'||touch${IFS}pwned#"
NOTHING = "0" * 40


def push_to_main(shop: DjangoShop, **page: str) -> str:
    before = shop.git("rev-parse", "HEAD") if shop.runner.number else NOTHING
    commit = shop.commit(HOSTILE, **page)
    shop.push(before)
    return commit


def test_a_push_to_main_is_tested_and_deployed(shop: DjangoShop) -> None:
    commit = push_to_main(shop, word="one")
    run = shop.runner.runs[-1]
    assert run.is_green, run.log
    assert shop.page() == "one"
    assert shop.digest("latest") == shop.digest(commit) is not None
    for part in (
        "ok       migrations complete",
        "ok       SQL of new migrations",
        "ok       tests",
        "artifact coverage: coverage.xml",
        "ok       not root",
        "ok       stops without losing a request",
        "Largest layers",
        "From outside",
        "ferryman rollback --to production",
    ):
        assert part in run.log, f"{part}\n{run.log}"


@pytest.mark.slow
def test_a_push_to_develop_is_tested_and_goes_nowhere(shop: DjangoShop) -> None:
    shop.commit("a change", word="developed")
    shop.git("switch", "--quiet", "--create", "develop")
    run = shop.push(NOTHING, "develop")
    shop.git("switch", "--quiet", "main")
    assert run.is_green, run.log
    assert {job.rpartition("/")[2] for job in run.job_seconds()} == {"Code quality", "Unit tests", "Docker tests"}
    for part in ("ok       SQL of new migrations", "ok       tests", "ok       stops without losing a request"):
        assert part in run.log, f"{part}\n{run.log}"
    for word in ("Push the image", "ferryman deploy"):
        assert word not in run.log


def test_a_release_that_breaks_on_the_server_is_red_and_the_old_one_serves(shop: DjangoShop) -> None:
    good = shop.digest("latest")
    commit = push_to_main(shop, word="two", breaks_in="production")
    run = shop.runner.runs[-1]
    assert not run.is_green
    assert "[unhealthy]" in run.log, run.log
    assert "release 1 goes on serving" in run.log
    assert shop.page() == "one"
    assert shop.digest(commit) not in (None, good)
    assert shop.digest("latest") == good


def test_a_rollback_by_hand_brings_the_release_before_back(shop: DjangoShop) -> None:
    shop.ship(HOSTILE, word="two")
    before = shop.digest("latest")
    shop.ship(HOSTILE, word="three")
    assert shop.page() == "three"
    assert shop.digest("latest") != before
    run = roll_back(shop, "")
    assert run.is_green, run.log
    assert "would go to release" in run.log
    assert "From outside" in run.log
    assert shop.page() == "two"
    assert shop.digest("latest") == before


def roll_back(shop: DjangoShop, release: str) -> Run:
    inputs = {"environment": "production", "release": release}
    return shop.runner.run("roll-back-manual.yaml", "workflow_dispatch", {"inputs": inputs})


def test_a_hostile_release_is_refused_and_runs_nothing(shop: DjangoShop) -> None:
    before = shop.page()
    refused(shop, f"--to\n{HOSTILE}")
    assert shop.page() == before


@pytest.mark.slow
@pytest.mark.parametrize("release", ["$(touch pwned)", '"; touch pwned #', "a' || touch pwned", "--to\nx", "🚢" * 2500])
def test_each_hostile_release_is_refused_and_runs_nothing(shop: DjangoShop, release: str) -> None:
    refused(shop, release)


def refused(shop: DjangoShop, release: str) -> None:
    run = roll_back(shop, release)
    assert not run.is_green
    assert "[release-malformed]" in run.log, run.log


@pytest.mark.slow
def test_a_pull_request_from_a_fork_passes_without_secrets(shop: DjangoShop) -> None:
    base_commit = shop.commit("base", word="base")
    shop.commit(HOSTILE, word="from a fork")
    head = {"ref": BRANCH, "sha": shop.git("rev-parse", "HEAD"), "repo": {"full_name": "stranger/shop", "fork": True}}
    base = {"ref": "develop", "sha": base_commit, "repo": {"full_name": "acme/shop"}}
    pull = {"number": 1, "title": HOSTILE, "body": HOSTILE, "head": head, "base": base}
    secrets, shop.runner.secrets = shop.runner.secrets, {}
    try:
        run = shop.runner.run(
            "develop-ci.yaml", "pull_request", {"pull_request": pull, "number": 1}, {"GITHUB_HEAD_REF": BRANCH}
        )
    finally:
        shop.runner.secrets = secrets
    assert run.is_green, run.log
    assert "Push the image" not in run.log


def merged(head: str, repository: str = REPOSITORY) -> dict[str, object]:
    """What GitHub tells when a pull request was merged."""
    heads = {"ref": head, "repo": {"full_name": repository}}
    return {"action": "closed", "pull_request": {"merged": True, "head": heads, "base": {"ref": "main"}}}


def test_a_merge_cleans_up_the_branches_that_may_go_and_no_other(shop: DjangoShop) -> None:
    world = World()
    world.commit("root")
    world.commit("work", sha("root"))
    world.commit("main", sha("root"), sha("work"))
    world.commit("own", sha("root"))
    world.branches = dict.fromkeys(("merged", BRANCH, "protected", "open"), sha("work"))
    kept = {"main": sha("main"), "develop": sha("main"), "unmerged": sha("own")}
    world.branches |= kept
    world.protected = {"protected"}
    world.pulls = [Pull(1, "open", sha("work"))]
    with GitHubStandIn(world).running() as github:
        variables = {"GITHUB_API_URL": github.variables["GITHUB_API_URL"]}
        secrets = shop.runner.secrets
        shop.runner.secrets = {**secrets, "GITHUB_TOKEN": github.variables["GITHUB_TOKEN"]}
        try:
            stranger = shop.runner.run("cleanup.yaml", "pull_request", merged(BRANCH, "stranger/shop"), variables)
            assert len(world.branches) == 7
            dry = shop.runner.run("cleanup.yaml", "workflow_dispatch", {"inputs": {"dry-run": "true"}}, variables)
            assert len(world.branches) == 7
            run = shop.runner.run("cleanup.yaml", "pull_request", merged(BRANCH), variables)
        finally:
            shop.runner.secrets = secrets
        assert github.violations == []
    assert stranger.is_green, stranger.log
    assert "ferryman cleanup" not in stranger.log
    assert dry.is_green, dry.log
    assert "would" in dry.log
    assert run.is_green, run.log
    assert set(world.branches) == {*kept, "protected", "open"}
    assert "came back" in run.log


def test_nothing_hostile_was_run(shop: DjangoShop) -> None:
    assert shop.runner.number
    assert list(shop.folder.parent.rglob("pwned")) == []
    assert list(Path.home().glob("pwned")) == []


def test_no_secret_is_left_anywhere(shop: DjangoShop) -> None:
    """On the runner: files, logs, process lists; on the server: files, processes, the journal."""
    key = shop.runner.secrets["VPS_SSH_KEY"].splitlines()[4][:40]  # the first lines are the same in every key
    public = shop.prepared.pipeline_key.with_suffix(".pub").read_text().split()[1]
    assert any(line.endswith("authorized_keys") for line in _found_on_the_server(shop, public)), "the search finds"
    username, password = (shop.runner.secrets[f"DOCKER_{name}"] for name in ("USERNAME", "PASSWORD"))
    login = base64.b64encode(f"{username}:{password}".encode()).decode()  # as Docker's own configuration has it
    for secret in (key, password, login):
        here = subprocess.run(
            ["grep", "-rlaF", "-e", secret, str(shop.folder.parent), *_left_behind()],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.split()
        assert [path for path in here if path != str(shop.prepared.pipeline_key)] == []
        assert not [run for run in shop.runner.runs if secret in run.log]
        assert not [line for line in shop.runner.seen if secret in line]
        assert _found_on_the_server(shop, secret) == []
    assert any("ferryman deploy" in line or "ferryman rollback" in line for line in shop.runner.seen)


def test_the_password_was_needed(shop: DjangoShop) -> None:
    """So that it is not found because nobody had it: the registry gives and takes nothing without it."""
    if shop.outer is None:
        pytest.skip("this machine's engine can't be told of a registry with a password: that takes root")
    with pytest.raises(Refused, match="login") as refused:
        manifest_digest(f"{shop.image}:latest")
    assert refused.value.code == "registry-login-refused"
    assert shop.digest("latest")


def _found_on_the_server(shop: DjangoShop, text: str) -> list[str]:
    """Files that hold a text, and lines of processes and of the journal.

    It goes there on standard input, for the command line is one of the things that are looked at.
    """
    places = "/etc /root /home /tmp /run /var/lib/ferryman /var/lib/ferryman-deploy /var/log"
    script = f"grep -rlaF -f - {places} 2>/dev/null; ps axww; journalctl --no-pager"
    shown = shop.prepared.server.run(["sh", "-c", script], stdin=text.encode())
    return [line for line in shown.splitlines() if text in line or line.startswith("/")]


def _left_behind() -> list[str]:
    """Where a command might leave something on the runner, besides its own folder."""
    return [str(path) for path in (Path.home() / ".docker", *Path("/tmp").glob("ferryman-*")) if path.exists()]
