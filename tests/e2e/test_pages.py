"""Harbour's pages while Harbour itself is deployed: what is seen in an open window, with no reload.

Everything else about the pages, service/tests/test_browser.py asks of a Harbour that nobody had to ship.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, ViewportSize, expect
from shipped import FERRYMAN, Shipped, commit

SECONDS = 240
PERSON, PASSWORD = "anna@example.com", "a horse of another colour"
PHONE: ViewportSize = {"width": 390, "height": 844}
FAULT = "raise SystemExit('this release does not start')\n"
SLOW = "import time\n\ntime.sleep(3)\n\n"  # a start that the page, which asks each second, can't miss
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
    starting = shipped.clone / "service/harbour/wsgi.py"
    good = starting.read_text()
    starting.write_text(SLOW + good)
    commit(shipped.clone, "Take time to start", "--all")
    command = [str(FERRYMAN), "deploy", "--to", "rehearsal"]
    deploy = subprocess.Popen(command, cwd=shipped.clone, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    newest = page.locator(".timeline > li").first
    try:
        expect(newest).not_to_have_id(str(before), timeout=SECONDS * 1000)
        page.screenshot(path=tmp_path / "running.png", full_page=True)
        output, _ = deploy.communicate(timeout=SECONDS)
    finally:
        starting.write_text(good)
        commit(shipped.clone, "Start at once", "--all")
    assert deploy.returncode == 0, output
    expect(newest.locator(".outcome")).to_have_text("succeeded", timeout=15_000)
    seen = [told.split("|") for told in page.evaluate("window.seen") if not told.startswith(f"{before}|")]
    assert {told[0] for told in seen} == {newest.get_attribute("id")}
    assert (seen[0][1], seen[-1][1]) == ("running", "succeeded"), (seen, times(shipped), output)
    counts = [int(told[2]) for told in seen]
    assert counts == sorted(counts)
    assert len(set(counts)) >= 3, (seen, times(shipped))
    assert page.evaluate("window.marker") == "still here"
    number = shipped.status()["release"]["number"]
    expect(page.locator("#serving .app").first).to_contain_text(f"release {number}")
    expect(page.locator("#connection")).to_be_empty()


@pytest.fixture(scope="module")
def person(shipped: Shipped, browser: Browser) -> str:
    """The address of somebody who runs Harbour, and who has set a password by the link that was printed."""
    manage = ["exec", "--to", "rehearsal", "--", "python", "manage.py"]
    shipped.ferryman(*manage, "createsuperuser", "--noinput", "--email", PERSON)
    link = shipped.ferryman(*manage, "password_link", PERSON, "--origin", shipped.url).strip()
    page = browser.new_page()
    page.goto(link)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password confirmation").fill(PASSWORD)
    page.get_by_role("button", name="Set it").click()
    expect(page).not_to_have_url(re.compile("/password/new/"))
    page.close()
    return PERSON


def sign_in_by_keyboard(page: Page, person: str) -> None:
    """Sign in, and come to the fleet."""
    expect(page.get_by_label("Email address")).to_be_focused()
    page.keyboard.type(person)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_a_deployment_that_fails_comes_into_the_open_page_and_tells_why(
    shipped: Shipped, browser: Browser, person: str, tmp_path: Path
) -> None:
    context = browser.new_context(base_url=shipped.url, viewport=PHONE, color_scheme="dark")
    page = context.new_page()
    page.goto("/sign-in/")
    sign_in_by_keyboard(page, person)
    before = page.locator(".timeline > li").first.get_attribute("id")
    starting = shipped.clone / "service/harbour/wsgi.py"
    good = starting.read_text()
    starting.write_text(FAULT + good)
    commit(shipped.clone, "Break the start", "--all")
    serving = shipped.status()["release"]
    try:
        command = [str(FERRYMAN), "deploy", "--to", "rehearsal"]
        done = subprocess.run(command, cwd=shipped.clone, capture_output=True, text=True, timeout=SECONDS, check=False)
    finally:
        starting.write_text(good)
        commit(shipped.clone, "Mend the start", "--all")
    assert done.returncode != 0, done.stdout
    newest = page.locator(".timeline > li").first
    expect(newest).not_to_have_id(str(before), timeout=15_000)
    expect(newest.locator(".outcome")).to_have_text("failed", timeout=15_000)
    page.screenshot(path=tmp_path / "failed-in-the-list.png")
    newest.locator("h3 a").focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/deployments/[0-9a-f-]{36}/$"))
    expect(page.locator(".failure")).to_contain_text("exit code 1")
    expect(page.locator(".failure pre")).to_contain_text("this release does not start")
    expect(page.locator(".commits")).to_contain_text("Break the start")
    page.screenshot(path=tmp_path / "failed.png", full_page=True)
    result = Axe().run(page)
    assert result.violations_count == 0, result.generate_report()
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    address = page.url
    context.close()
    plain = browser.new_context(java_script_enabled=False)
    read = plain.new_page()
    read.goto(address)
    expect(read.locator(".failure pre")).to_contain_text("this release does not start")
    plain.close()
    assert shipped.status()["release"] == serving
