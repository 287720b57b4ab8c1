"""Harbour's page while Harbour itself is deployed: what is seen in an open window, with no reload."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect
from shipped import FERRYMAN, Shipped, commit

SECONDS = 240
# Notes each state that the newest entry comes into: outcome, steps that are done, the step that runs.
WATCH = """
() => {
  window.marker = "still here";
  window.seen = [];
  const note = () => {
    const entry = document.querySelector(".timeline > li");
    const steps = [...entry.querySelectorAll("tbody tr.done")].length;
    const running = entry.querySelector("tbody tr.started th")?.textContent || "";
    const told = [entry.id, entry.dataset.state, steps, running].join("|");
    if (window.seen.at(-1) !== told) window.seen.push(told);
  };
  note();
  const all = {subtree: true, childList: true, attributes: true};
  new MutationObserver(note).observe(document.getElementById("live"), all);
}
"""


@pytest.fixture
def page(browser: Browser, shipped: Shipped) -> Iterator[Page]:
    """The page, open; nothing may fail in it, also not while Harbour is replaced."""
    faults: list[str] = []
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: faults.append(str(error)))
    opened.goto(shipped.url)
    yield opened
    context.close()
    assert faults == []


def times(shipped: Shipped) -> list[tuple[str, str, str]]:
    """When each of the latest events happened and came to Harbour: what to look at when the page was late."""
    events = httpx.get(f"{shipped.url}/api/v1/events/").raise_for_status().json()["results"]
    return [(event["kind"], event["at"], event["received_at"]) for event in events[:30]]


def test_a_deployment_comes_into_the_open_page_and_goes_on_step_by_step(
    shipped: Shipped, page: Page, tmp_path: Path
) -> None:
    before = page.locator(".timeline > li").first.get_attribute("id")
    page.evaluate(WATCH)
    commit(shipped.clone, "Nothing new to watch", "--allow-empty")
    command = [str(FERRYMAN), "deploy", "--to", "rehearsal"]
    deploy = subprocess.Popen(command, cwd=shipped.clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    newest = page.locator(".timeline > li").first
    expect(newest).not_to_have_id(str(before), timeout=SECONDS * 1000)
    page.screenshot(path=tmp_path / "running.png", full_page=True)
    output, _ = deploy.communicate(timeout=SECONDS)
    assert deploy.returncode == 0, output
    expect(newest.locator(".outcome")).to_have_text("succeeded", timeout=15_000)
    seen = [told.split("|") for told in page.evaluate("window.seen") if not told.startswith(f"{before}|")]
    assert {told[0] for told in seen} == {newest.get_attribute("id")}
    assert (seen[0][1], seen[-1][1]) == ("running", "succeeded"), (seen, times(shipped), output)
    counts = [int(told[2]) for told in seen]
    assert counts == sorted(counts)
    assert len(set(counts)) >= 3, seen
    assert page.evaluate("window.marker") == "still here"
    number = shipped.status()["release"]["number"]
    expect(page.locator("#serving .app").first).to_contain_text(f"release {number}")
    expect(page.locator("#connection")).to_be_empty()
