"""The pages in a real browser: by keyboard, on a phone, in the dark, without scripts, and while news comes in."""

import io
import os
import re
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from django.core.management import call_command
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from pytest_django.live_server_helper import LiveServer

from access import example
from access.tokens import create_server_token
from fleet.models import Deployment, Server
from tests.conftest import AT, Agent

CHROMIUM = "/usr/bin/chromium"
DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
MODES = {
    "desktop, light": {"viewport": DESKTOP, "color_scheme": "light"},
    "desktop, dark": {"viewport": DESKTOP, "color_scheme": "dark"},
    "phone, light": {"viewport": PHONE, "color_scheme": "light"},
    "phone, dark": {"viewport": PHONE, "color_scheme": "dark"},
}
SIGNED_OUT = ["/sign-in/", "/password/forgotten/", "/invitation/", "/nothing"]
SIGNED_IN = [
    *["/", "/?app=shop-api&outcome=failed", "/?outcome=running", "/?before=1-" + "0" * 32, "/servers/"],
    *["/apps/shop-api/", "/apps/newsletter/", "/account/", "/password/", "/deployments/{failed}/"],
    *["/deployments/{running}/", "/deployments/{noted}/"],
]
# The first poll comes after a second, one while nothing runs every two.
SOON = 7000


@dataclass
class Harbour:
    """A served Harbour with the example fleet, and an agent that can report to it over HTTP."""

    url: str
    agent: Agent
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    def report(self, events: list[dict[str, Any]]) -> None:
        """Send events as the agent would, with the times of now."""
        passed = self.began - datetime.fromisoformat(AT.format(0))
        now = [event | {"at": (datetime.fromisoformat(event["at"]) + passed).isoformat()} for event in events]
        answer = httpx.post(
            f"{self.url}/api/v1/reports/",
            json={"agent": "0.2.0", "events": now},
            headers={"Authorization": f"Bearer {self.agent.token}"},
        )
        assert answer.status_code == 200, answer.text

    def begin(self) -> uuid.UUID:
        """Put a deployment into the agent's outbox and report its first two events."""
        self.agent.events, self.began = [], datetime.now(UTC)
        number = self.agent.deploy(release=7)
        self.report(self.agent.events[:2])
        return number

    def paths(self) -> list[str]:
        """Every page that a person who is signed in may come to."""
        noted = Deployment.objects.filter(outcome="succeeded")[0]
        Deployment.objects.filter(pk=noted.pk).update(note="Took longer than usual")
        ids = {"failed": Deployment.objects.filter(outcome="failed")[0].pk, "noted": noted.pk, "running": self.begin()}
        return [path.format_map(ids) for path in SIGNED_IN]


NewPage = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        # Playwright's loop runs in this thread; Django would refuse to ask the database beside it.
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def harbour(browser: Browser, transactional_db: None, live_server: LiveServer, client: Any) -> Harbour:
    """The example fleet, and one more server whose agent reports now."""
    call_command("load_example_data", verbosity=0, stdout=io.StringIO())
    example.make_people()
    server = Server.objects.create(name="vps-3.example.com")
    agent = Agent(client, server, create_server_token(server), app="shop-api", environment="staging")
    return Harbour(live_server.url, agent)


@pytest.fixture
def new_page(browser: Browser, harbour: Harbour) -> Iterator[NewPage]:
    """Makes pages in contexts of their own; at the end no script has failed and nothing was refused."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def make(who: str = "", *, may_fail: bool = False, **mode: Any) -> Page:
        contexts.append(browser.new_context(base_url=harbour.url, **{"viewport": DESKTOP, **mode}))
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        if not may_fail:
            page.on("console", lambda said: faults.append(said.text) if said.type == "error" else None)
            page.on("pageerror", lambda error: faults.append(str(error)))
        if who:
            sign_in(page, who)
        return page

    yield make
    for context in contexts:
        context.close()
    assert faults == []


def sign_in(page: Page, who: str) -> None:
    page.goto("/sign-in/")
    page.get_by_label("Email address").fill(who)
    page.get_by_label("Password").fill(example.PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Serving now")).to_be_visible()


def entry(page: Page, number: uuid.UUID) -> Any:
    return page.locator(f"#deployment-{number}")


def test_somebody_signs_in_filters_opens_a_failed_deployment_and_signs_out(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/?app=shop-api")
    expect(page).to_have_url(re.compile(r"/sign-in/\?next=/%3Fapp%3Dshop-api$"))
    page.get_by_label("Email address").fill("demo@example.com")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Address or password is wrong.")
    page.get_by_label("Password").fill(example.PASSWORD)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/\?app=shop-api$"))
    page.get_by_label("Outcome").select_option("failed")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"app=shop-api.*outcome=failed"))
    expect(page.get_by_label("Outcome")).to_have_value("failed")
    expect(page.locator(".timeline > li")).to_have_count(1)
    page.locator(".timeline h3 a").click()
    for part in ("exit code 1", "KeyError: 'PAYMENT_URL'", "orders.0007_note", "Commits", "Ada"):
        expect(page.get_by_text(part).first).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


@pytest.mark.parametrize("mode", MODES)
def test_axe_finds_nothing_and_nothing_is_wider_than_the_window(harbour: Harbour, new_page: NewPage, mode: str) -> None:
    page = new_page(may_fail=True, **MODES[mode])
    checked = [(path, page) for path in SIGNED_OUT]
    inside = new_page("demo@example.com", **MODES[mode])
    found = []
    for path, window in [*checked, *((path, inside) for path in harbour.paths())]:
        window.goto(path)
        result = Axe().run(window)
        if result.violations_count:
            found.append(f"{path}: {result.generate_report()}")
        if window.evaluate("document.documentElement.scrollWidth") > window.viewport_size["width"]:  # type: ignore[index]
            found.append(f"{path} is wider than the window")
    assert found == []


def test_keyboard_alone_signs_in_and_opens_a_deployment(new_page: NewPage) -> None:
    page = new_page()
    page.goto("/sign-in/")
    expect(page.get_by_label("Email address")).to_be_focused()
    page.keyboard.type("ada@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type(example.PASSWORD)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Serving now")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    for _ in range(40):
        page.keyboard.press("Tab")
        where = page.evaluate("document.activeElement.closest('.timeline h3') && document.activeElement.href")
        visible = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert visible != "none"
        if where:
            break
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/deployments/[0-9a-f-]{36}/$"))
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_without_scripts_everything_can_be_read_and_written(harbour: Harbour, new_page: NewPage) -> None:
    number = harbour.begin()
    page = new_page("demo@example.com", java_script_enabled=False)
    expect(entry(page, number)).to_contain_text("running")
    page.get_by_label("App").select_option("harbour")
    page.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(r"app=harbour"))
    page.locator(".timeline summary").nth(1).click()
    expect(page.locator(".timeline table").nth(1)).to_be_visible()
    page.locator(".timeline h3 a").first.click()
    page.get_by_label("What is to be said about it").fill("Took longer than usual")
    page.get_by_role("button", name="Keep the note").click()
    expect(page.get_by_text("The note is kept.")).to_be_visible()
    expect(page.locator("#note .text")).to_have_text("Took longer than usual")
    page.goto("/apps/shop-api/")
    page.get_by_label("Email address").fill("new@example.com")
    page.get_by_role("button", name="Invite").click()
    link = page.locator(".secret code").inner_text()
    guest = new_page(java_script_enabled=False)
    guest.goto(link)
    guest.get_by_label("Your name").fill("New")
    guest.get_by_label("Password").fill("a horse of another colour")
    guest.get_by_role("button", name="Accept").click()
    expect(guest.get_by_text("Welcome to shop-api.")).to_be_visible()


def test_news_comes_into_the_open_page_without_a_reload(harbour: Harbour, new_page: NewPage) -> None:
    page = new_page("ada@example.com")
    page.evaluate("window.marker = 'still here'")
    first = page.locator(".timeline > li").first.get_attribute("id")
    number = harbour.begin()
    one = entry(page, number)
    expect(one).to_contain_text("running", timeout=SOON)
    expect(page.locator(".timeline > li").first).to_have_id(f"deployment-{number}")
    expect(page.locator(f"#{first}")).to_be_visible()
    expect(page.locator("#news")).to_have_text("shop-api staging, release 7: running")
    expect(one.locator("tr.started th")).to_have_text("pull")
    harbour.report(harbour.agent.events[2:4])
    expect(one.locator("tr.done th")).to_have_text(["pull", "commit"], timeout=SOON)
    harbour.report(harbour.agent.events[4:])
    expect(one.locator(".outcome")).to_have_text("succeeded", timeout=SOON)
    expect(page.locator("#news")).to_have_text("shop-api staging, release 7: succeeded")
    expect(page.locator("#serving .app", has_text="staging").filter(has_text="shop-api")).to_contain_text("release 7")
    assert page.evaluate("window.marker") == "still here"


def test_news_leaves_focus_details_scroll_and_selects_alone(harbour: Harbour, new_page: NewPage) -> None:
    page = new_page("demo@example.com")
    second = page.locator(".timeline summary").nth(1)
    second.focus()
    page.keyboard.press("Enter")
    page.locator(".timeline summary").nth(0).click()
    page.get_by_label("Outcome").select_option("failed")
    second.focus()
    page.mouse.wheel(0, 500)
    page.wait_for_function("window.scrollY > 300")
    page.wait_for_timeout(300)
    open_before = page.evaluate("[...document.querySelectorAll('.timeline details')].map(d => d.open)")
    label = second.locator("xpath=ancestor::li").get_attribute("id")
    top = page.locator(f"#{label}").bounding_box()
    number = harbour.begin()
    expect(entry(page, number)).to_contain_text("running", timeout=SOON)
    page.wait_for_timeout(300)
    assert page.evaluate("document.activeElement.closest('li').id") == label
    open_after = page.evaluate("[...document.querySelectorAll('.timeline details')].map(d => d.open)")
    assert open_after == [True, *open_before]
    assert page.get_by_label("Outcome").input_value() == "failed"
    now = page.locator(f"#{label}").bounding_box()
    assert top
    assert now
    assert abs(now["y"] - top["y"]) < 3


def test_the_seconds_of_a_running_step_go_on(harbour: Harbour, new_page: NewPage) -> None:
    number = harbour.begin()
    page = new_page("demo@example.com")
    for path in ("/", f"/deployments/{number}/"):
        page.goto(path)
        took = entry(page, number).locator(".took")
        before = took.inner_text()
        expect(took).not_to_have_text(before, timeout=2000)
        expect(entry(page, number).locator("[data-ticks]").last).to_have_text(re.compile(r"\d"))


def test_one_deployment_is_followed_to_its_end(harbour: Harbour, new_page: NewPage) -> None:
    number = harbour.begin()
    page = new_page("anna@example.com")
    page.goto(f"/deployments/{number}/")
    page.evaluate("window.marker = 'still here'")
    harbour.agent.events[-1]["data"] |= {
        "outcome": "failed",
        "error": {"message": "web exited with 1", "exit_code": 1, "log": ["<b>KeyError</b>"]},
    }
    harbour.report(harbour.agent.events[2:])
    expect(page.locator(".outcome")).to_have_text("failed", timeout=SOON)
    expect(page.locator("pre")).to_contain_text("<b>KeyError</b>")
    assert page.evaluate("window.marker") == "still here"


def test_a_lost_connection_is_told_and_the_page_catches_up_by_itself(harbour: Harbour, new_page: NewPage) -> None:
    harbour.begin()
    page = new_page("demo@example.com", may_fail=True)
    connection = page.locator("#connection")
    expect(connection).to_be_empty()
    page.context.set_offline(True)
    expect(connection).to_contain_text("Connection lost", timeout=SOON)
    harbour.report(harbour.agent.events[2:])
    page.context.set_offline(False)
    expect(page.locator(".timeline > li").first.locator(".outcome")).to_have_text("succeeded", timeout=SOON)
    expect(connection).to_be_empty()


def test_a_hidden_page_does_not_ask_and_asks_at_once_when_it_is_seen_again(harbour: Harbour, new_page: NewPage) -> None:
    harbour.begin()
    page = new_page("demo@example.com")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if "/live/" in request.url else None)
    hide = "([hidden]) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    hide += "document.dispatchEvent(new Event('visibilitychange')); }"
    page.evaluate(hide, [True])
    asked.clear()
    page.wait_for_timeout(2500)
    assert asked == []
    page.evaluate(hide, [False])
    page.wait_for_timeout(500)
    assert len(asked) == 1


def test_a_page_whose_session_ended_says_so_and_stops_asking(harbour: Harbour, new_page: NewPage) -> None:
    harbour.begin()
    page = new_page("demo@example.com", may_fail=True)
    page.context.clear_cookies()
    expect(page.locator("#connection")).to_contain_text("reload it", timeout=SOON)


def test_going_back_from_a_deployment_finds_a_page_that_lives(harbour: Harbour, new_page: NewPage) -> None:
    page = new_page("demo@example.com")
    page.locator(".timeline h3 a").first.click()
    expect(page).to_have_url(re.compile(r"/deployments/"))
    page.go_back()
    number = harbour.begin()
    expect(entry(page, number)).to_contain_text("running", timeout=SOON)
