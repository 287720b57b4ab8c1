"""`make ship`, as a newcomer runs it: Harbour carried from a clone of this repository to a throw-away server."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ferryman.rehearsal.stand_ins import Images

ROOT = Path(__file__).resolve().parents[2]
FERRYMAN = Path(sys.executable).with_name("ferryman")
TEMPLATE = Path("service/fleet/templates/fleet/fleet.html")
WIDTHS = {"desktop": (1280, 900), "phone": (390, 844)}


@dataclass(frozen=True)
class Shipped:
    """A clone that was rehearsed: its folder, the service's URL, the seconds it took."""

    clone: Path
    url: str
    seconds: float

    def ferryman(self, *arguments: str) -> str:
        """Standard output of a command that must succeed."""
        return run(self.clone, str(FERRYMAN), *arguments)

    def status(self) -> dict[str, Any]:
        """`ferryman status --json`."""
        return dict(json.loads(self.ferryman("status", "--to", "rehearsal", "--json")))

    def page(self) -> str:
        """The page as it is served."""
        return httpx.get(f"{self.url}/").raise_for_status().text


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def commit(folder: Path, subject: str, *options: str) -> str:
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    run(folder, "git", *author, "commit", "--quiet", "--message", subject, *options)
    return run(folder, "git", "rev-parse", "HEAD").strip()


def rehearse(clone: Path) -> Shipped:
    began = time.monotonic()
    output = run(clone, str(FERRYMAN), "rehearse")
    return Shipped(clone, output.splitlines()[-1], time.monotonic() - began)


@pytest.fixture(scope="module")
def shipped(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    """A rehearsal from a fresh clone, removed at the end."""
    clone = tmp_path_factory.mktemp("clone") / "ferryman"
    run(ROOT, "git", "clone", "--quiet", str(ROOT), str(clone))
    try:
        yield rehearse(clone)
    finally:
        run(clone, str(FERRYMAN), "rehearse", "down")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield chromium
        chromium.close()


def test_the_last_line_is_the_url_and_the_service_is_ready(shipped: Shipped) -> None:
    assert shipped.url.startswith("http://127.0.0.1:")
    ready = httpx.get(f"{shipped.url}/health/ready")
    assert (ready.status_code, ready.json()["not_ready"]) == (200, [])


def test_harbour_lists_the_deployment_that_brought_it_there(shipped: Shipped) -> None:
    (deployment,) = httpx.get(f"{shipped.url}/api/v1/deployments/").json()["results"]
    head = run(shipped.clone, "git", "rev-parse", "HEAD").strip()
    assert deployment["outcome"] == "succeeded"
    assert deployment["release"]["revision"] == head
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
    head = run(shipped.clone, "git", "rev-parse", "HEAD").strip()
    assert "harbour" in text
    assert head[:7] in text
    assert page.evaluate("document.documentElement.scrollWidth") <= WIDTHS[width][0]
    assert faults == []
    picture = page.screenshot(path=tmp_path / f"{width}.png", full_page=True)
    assert len(picture) > 5000
    context.close()


def test_a_second_run_reuses_what_the_first_built(shipped: Shipped) -> None:
    again = rehearse(shipped.clone)
    assert again.url == shipped.url
    assert again.seconds < shipped.seconds / 2


def test_status_tells_what_serves(shipped: Shipped) -> None:
    status = shipped.status()
    head = run(shipped.clone, "git", "rev-parse", "HEAD").strip()
    assert (status["app"], status["environment"], status["state"]) == ("harbour", "rehearsal", "serving")
    assert (status["release"]["number"], status["release"]["revision"]) == (1, head)
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
    revision = commit(shipped.clone, "Change a word", "--all")
    shipped.ferryman("deploy", "--to", "rehearsal")
    assert "Zweitausend" in shipped.page()
    assert shipped.status()["release"]["revision"] == revision
    shipped.ferryman("rollback", "--to", "rehearsal")
    assert "Zweitausend" not in shipped.page()
    assert shipped.status()["release"]["number"] == 1
    assert shipped.status()["latest_differs"] is False


def test_an_empty_commit_is_a_new_release_and_deploying_it_again_changes_nothing(shipped: Shipped) -> None:
    revision = commit(shipped.clone, "Nothing new", "--allow-empty")
    shipped.ferryman("deploy", "--to", "rehearsal")
    status = shipped.status()
    assert status["release"]["revision"] == revision
    assert "unchanged" in shipped.ferryman("deploy", "--to", "rehearsal")
    again = shipped.status()
    assert (again["release"], again["roles"]) == (status["release"], status["roles"])
