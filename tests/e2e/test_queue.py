"""One deploy of an app at a time, held by the living agent: a second one is told, waits, is skipped or goes first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest
from command import Call
from shop import Shop

from ferryman.rehearsal.polling import wait_until

RUN = {"GITHUB_ACTIONS": "true", "GITHUB_SERVER_URL": "https://github.com", "GITHUB_REPOSITORY": "acme/queue"}


@dataclass(frozen=True)
class Revisions:
    """Two commits whose images are in the registry: one is not healthy until it is let go."""

    held: str
    usual: str


@pytest.fixture(scope="module")
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """An app that serves release 1."""
    made = new_shop("queue", "queue.test")
    made.deploy(word="one")
    return made


@pytest.fixture(scope="module")
def revisions(shop: Shop) -> Revisions:
    return Revisions(image(shop, word="held", held=True), image(shop, word="usual"))


def image(shop: Shop, **behaviour: object) -> str:
    sha = shop.commit(**behaviour)
    shop.ferryman("build").succeeded()
    return sha


def hold(shop: Shop, revision: str, *options: str, run: str = "") -> Call:
    """A deploy that stands at its health check."""
    variables = {**RUN, "GITHUB_RUN_ID": run} if run else {}
    call = shop.start("deploy", "--revision", revision, *options, variables=variables)
    call.wait_for(" start web ")
    return call


def waiting(shop: Shop, number: int) -> None:
    wait_until(lambda: len(shop.status()["waiting"]) == number, f"{number} wait", seconds=30)


def test_newest_of_the_runs_that_wait_is_deployed_and_the_others_are_skipped(shop: Shop, revisions: Revisions) -> None:
    held, usual = revisions.held, revisions.usual
    first = hold(shop, held, "--sequence", "10", run="10")
    shop.ferryman("deploy", "--revision", usual).ended_with(
        3,
        "[busy]",
        f"a deploy of {held[:7]} (run 10) runs for queue.production since 20",
        "in step healthy, asked for by https://github.com/acme/queue/actions/runs/10 (an operator key)",
        "hint: --wait",
    )
    calls = {}
    for place, number in enumerate((11, 13, 12), start=1):
        options = ["--revision", usual, "--sequence", str(number), "--wait"]
        calls[number] = shop.start("deploy", *options, variables={**RUN, "GITHUB_RUN_ID": str(number)})
        waiting(shop, place)
    shop.ferryman("status").succeeded(f"waiting      deploy of {usual[:7]} (run 13) since 20", "actions/runs/13")
    shop.let_go()
    first.end(30).succeeded()
    calls[13].end(30).succeeded(f"waiting for deploy of {held[:7]} (run 10)", "serves")
    for number in (11, 12):
        calls[number].end(10).ended_with(
            3, "[skipped]", "run 13 is newer and waited too", "actions/runs/13", "nothing was changed by this call"
        )
    assert shop.word() == "usual"
    shop.ferryman("deploy", "--revision", held, "--sequence", "12").ended_with(3, "[older-sequence]")
    states = [found["state"] for found in shop.ferryman("deployments", "--json").json()["deployments"]]
    assert states.count("skipped") == 2


def test_cancelling_what_runs_goes_on_at_once(shop: Shop, revisions: Revisions) -> None:
    stuck = hold(shop, revisions.held)
    shop.ferryman("rollback", "1", "--cancel-running").succeeded("release 1", "serves")
    stuck.end(10).ended_with(1, "[cancelled]", "cancelled by rollback of ", "goes on serving")
    assert shop.word() == "one"


def test_limit_of_the_waiting_is_kept_and_a_signal_leaves_the_queue(shop: Shop, revisions: Revisions) -> None:
    before = shop.footprint()
    holds = hold(shop, revisions.held)
    leaving = shop.start("deploy", "--revision", revisions.usual, "--wait")
    waiting(shop, 1)
    leaving.process.terminate()
    leaving.end(10).ended_with(1, "[cancelled]", "cancelled while it waited", "nothing was changed by this call")
    shop.ferryman("rollback", "--wait-timeout", "1s").ended_with(3, "[wait-timeout]", "within 1 s")
    shop.ferryman("cancel").succeeded()
    holds.end(10).ended_with(1, "[cancelled]")
    assert shop.footprint() == before


def test_request_that_waits_outlives_its_client(shop: Shop, revisions: Revisions) -> None:
    first = hold(shop, revisions.held)
    killed = shop.start("deploy", "--revision", revisions.usual, "--wait")
    waiting(shop, 1)
    killed.kill()
    shop.let_go()
    first.end(30).succeeded()
    wait_until(lambda: shop.word() == "usual", "the request is carried out without its client", seconds=30)
    shop.ferryman("follow").succeeded("deploy succeeded")


def test_client_that_waits_outlives_an_agent_that_is_killed(shop: Shop, revisions: Revisions) -> None:
    interrupted = hold(shop, revisions.held)
    waits = shop.start("rollback", "1", "--wait")
    waiting(shop, 1)
    shop.prepared.server.run(["systemctl", "kill", "--signal=SIGKILL", "ferryman-agent"])
    interrupted.end(40).ended_with(1, "[interrupted]", "connecting again")
    waits.end(40).succeeded("connecting again", "release 1", "serves")
    assert shop.word() == "one"


def test_several_apps_deploy_at_the_same_time(shop: Shop, revisions: Revisions, new_shop: Callable[..., Shop]) -> None:
    other = new_shop("beside", "beside.test")
    calls = [hold(other, image(other, word="held", held=True)), hold(shop, revisions.held)]
    assert [each.status()["running"]["step"] for each in (shop, other)] == ["healthy", "healthy"]
    for each in (shop, other):
        each.let_go()
    for call in calls:
        call.end(30).succeeded()
    assert (shop.word(), other.word()) == ("held", "held")
