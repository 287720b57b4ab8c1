"""A deploy whose job is cancelled as GitHub does it: no stuck lock, the truth in the log, and the next run succeeds."""

from __future__ import annotations

import json
import signal

import pytest
from cancelled import Step, script_of
from django_shop import DjangoShop

from ferryman.rehearsal.polling import wait_until

PRODUCTION = ".github/workflows/production-ci-cd.yaml"
DEPLOY = "Deploy, ask the service from here, move latest"
pytestmark = pytest.mark.slow


def status(shop: DjangoShop) -> dict[str, object]:
    """`ferryman status --json`, with the pipeline's key."""
    done = shop.command("status", "--to", "production", "--json")
    return dict(json.loads(done.stdout))


def test_a_cancelled_job_leaves_no_lock_and_the_truth_in_its_log(shop: DjangoShop) -> None:
    """At five moments: before anything was asked, in three steps before the commit, and after it."""
    script = script_of(shop.folder / PRODUCTION, DEPLOY)
    assert script.startswith("exec ferryman deploy --to production --no-build")
    shop.ship("first", word="one")
    shop.commit("second", word="four")
    shop.command("build")
    before = status(shop)["release"]
    for moment in ("", "preflight", "pull", "start web", "commit"):
        shop.runner.number += 1
        step = Step.start(script, shop.folder, {**shop.runner.secrets, "GITHUB_RUN_NUMBER": str(shop.runner.number)})
        if moment:
            step.wait_for(f"^(done|skipped) +{moment} ")
        code = step.cancel()
        assert step.sent == ["SIGINT"], f"{moment}: {step.sent} {step.log}"
        found = status(shop)
        if moment == "commit":
            assert code == 0, step.log
            assert found["release"] != before
        elif moment:
            assert code == 1, f"{moment}: {step.log}"
            assert "[cancelled]" in step.log, f"{moment}: {step.log}"
            assert found["release"] == before
        else:
            assert code in (130, -signal.SIGINT), step.log
        wait_until(lambda: status(shop)["running"] is None, "nothing runs any more", seconds=60)
    assert shop.page() == "four"


def test_a_job_that_is_killed_without_a_word_is_finished_by_the_server(shop: DjangoShop) -> None:
    script = script_of(shop.folder / PRODUCTION, DEPLOY)
    commit = shop.commit("third", word="five")
    shop.command("build")
    shop.runner.number += 1
    variables = {**shop.runner.secrets, "GITHUB_RUN_NUMBER": str(shop.runner.number)}
    step = Step.start(script, shop.folder, variables)
    step.wait_for("^done +start web ")
    step.process.send_signal(signal.SIGSTOP)  # it hears neither SIGINT nor SIGTERM
    assert step.cancel() == -signal.SIGKILL
    wait_until(lambda: shop.page() == "five", "the server has finished the deploy", seconds=60)
    wait_until(lambda: status(shop)["running"] is None, "nothing runs any more", seconds=60)
    assert shop.digest("latest") != shop.digest(commit)
    again = Step.start(script, shop.folder, variables)
    assert again.end() == 0, again.log
    assert "unchanged" in again.log
    assert shop.digest("latest") == shop.digest(commit)
