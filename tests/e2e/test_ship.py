"""`make ship`, as a newcomer runs it: Harbour carried from a clone of this repository to a throw-away server."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page
from shipped import AUTHOR, Shipped, commit, rehearse, run

from ferryman.rehearsal.polling import wait_until

TEMPLATE = Path("service/pages/templates/fleet/fleet.html")
WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}


def test_the_last_line_is_the_url_and_the_service_is_ready(shipped: Shipped) -> None:
    assert shipped.url.startswith("http://127.0.0.1:")
    ready = httpx.get(f"{shipped.url}/health/ready")
    assert (ready.status_code, ready.json()["not_ready"]) == (200, [])


def test_harbour_lists_the_deployment_that_brought_it_there(shipped: Shipped) -> None:
    deployment = shipped.deployment_of(shipped.revision, "steps")
    assert (deployment["outcome"], deployment["release"]["number"]) == ("succeeded", 1)
    steps = {step["step"]: step for step in deployment["steps"]}
    assert {"pull", "database", "start web", "healthy", "commit", "switch"} <= set(steps)
    assert all(step["seconds"] is not None for step in steps.values())


@pytest.mark.parametrize("width", WIDTHS)
def test_the_page_shows_it_in_a_browser(shipped: Shipped, browser: Browser, width: str, tmp_path: Path) -> None:
    context = browser.new_context(viewport={"width": WIDTHS[width][0], "height": WIDTHS[width][1]})
    page: Page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto(shipped.url)
    text = page.inner_text("body")
    assert "harbour" in text
    assert shipped.status()["release"]["revision"][:7] in text
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width][0]
    assert faults == []
    picture = page.screenshot(path=tmp_path / f"{width}.png", full_page=True)
    assert len(picture) > 5000
    context.close()


def test_a_second_run_reuses_what_the_first_built(shipped: Shipped) -> None:
    again = rehearse(shipped.clone)
    assert again.url == shipped.url
    assert again.seconds < shipped.seconds / 2
    assert shipped.status()["release"]["revision"] == again.revision


def test_status_tells_what_serves(shipped: Shipped) -> None:
    status = shipped.status()
    assert (status["app"], status["environment"], status["state"]) == ("harbour", "rehearsal", "serving")
    serving = (status["release"]["number"], status["release"]["revision"])

    def brought_last() -> tuple[int, str]:
        done = next(item for item in shipped.deployments() if item["outcome"] == "succeeded")
        return done["release"]["number"], done["release"]["revision"]

    wait_until(lambda: brought_last() == serving, "Harbour knows what serves", seconds=60, pause=0.5)
    assert status["release"]["digest"].startswith("sha256:")
    assert status["roles"]["web"]["state"] == "running"
    assert status["health"] == {"healthy": True, "path": "/health/ready", "status": 200}
    assert status["since"]
    assert status["latest_differs"] is False


def test_a_changed_word_arrives_and_a_rollback_brings_the_old_one_back(shipped: Shipped) -> None:
    template = shipped.clone / TEMPLATE
    before = template.read_text()
    template.write_text(before.replace("</h1>", " Zweitausend</h1>", 1))
    assert "Zweitausend" not in shipped.page()
    earlier = shipped.status()["release"]["number"]
    revision = commit(shipped.clone, "Change a word", "--all")
    shipped.ferryman("deploy", "--to", "rehearsal")
    assert "Zweitausend" in shipped.page()
    assert shipped.status()["release"]["revision"] == revision
    shipped.ferryman("rollback", "--to", "rehearsal")
    assert "Zweitausend" not in shipped.page()
    assert shipped.status()["release"]["number"] == earlier
    assert shipped.status()["latest_differs"] is False


def test_an_empty_commit_is_a_new_release_and_deploying_it_again_changes_nothing(shipped: Shipped) -> None:
    revision = commit(shipped.clone, "Nothing new", "--allow-empty")
    shipped.ferryman("deploy", "--to", "rehearsal")
    status = shipped.status()
    assert status["release"]["revision"] == revision
    assert "unchanged" in shipped.ferryman("deploy", "--to", "rehearsal")
    again = shipped.status()
    assert (again["release"], again["roles"]) == (status["release"], status["roles"])


def test_harbour_knows_the_commits_that_a_deploy_brought(shipped: Shipped) -> None:
    clone = shipped.clone
    before = shipped.status()["release"]["revision"]
    run(clone, "git", "switch", "--quiet", "--create=feature")
    commit(clone, "Add <b>something</b> 🎈", "--allow-empty")
    run(clone, "git", "switch", "--quiet", "-")
    commit(clone, "Go on", "--allow-empty")
    run(clone, "git", *AUTHOR, "merge", "--quiet", "--no-ff", "--message=Merge it", "feature")
    expected = run(clone, "git", "log", "--format=%H %s", f"{before}..HEAD").splitlines()
    assert len(expected) >= 3
    plan = shipped.ferryman("plan", "deploy", "--to", "rehearsal").splitlines()
    assert f"{len(expected)} commits since release {shipped.status()['release']['number']}" in plan
    shipped.ferryman("deploy", "--to", "rehearsal")

    head = expected[0].split()[0]
    deployment = shipped.deployment_of(head)
    detail = httpx.get(f"{shipped.url}/api/v1/deployments/{deployment['id']}/").raise_for_status().json()
    assert [f"{item['revision']} {item['subject']}" for item in detail["commits"]] == expected
    assert {item["author"] for item in detail["commits"]} == {"Test"}
    assert detail["commits_complete"] is True

    shipped.ferryman("rollback", "--to", "rehearsal")
    wait_until(
        lambda: shipped.deployments()[0]["kind"] == "rollback", "Harbour knows the rollback", seconds=60, pause=0.5
    )
    assert shipped.deployments("commits")[0]["commits"] == []
