"""Maintenance, restart, stop and start on a real server: what people get, and that switching loses no request."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator

import httpx
import pytest
from load import PIECE, Load, Upload
from shop import Shop

from ferryman.rehearsal.polling import wait_until

EITHER = frozenset({200, 503})
MESSAGE = """<b>back</b> at noon; del map 'x' "y" \\ %[src] ${HOME} #|{} é 𝄞"""


@pytest.fixture(scope="module")
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """An app that serves."""
    made = new_shop("door", "door.test")
    made.deploy(word="open")
    return made


@pytest.fixture
def open_in_the_end(shop: Shop) -> Iterator[None]:
    yield
    shop.ferryman("maintenance", "off")
    shop.ferryman("start")


def said(shop: Shop, path: str = "/") -> str:
    """What is answered; '' while the edge starts."""
    try:
        return shop.get(path).text
    except httpx.TransportError:
        return ""


def status_of(shop: Shop) -> tuple[str, int]:
    return shop.status()["state"], shop.get().status_code


def test_maintenance_answers_in_the_apps_place_and_loses_nothing(shop: Shop, open_in_the_end: None) -> None:
    with Load(shop.port, shop.domain, accepted=EITHER) as load:
        upload = Upload(shop.port, shop.domain)
        call = shop.ferryman("maintenance", "on", "--message", MESSAGE, "--retry-after", "7").succeeded()
        assert upload.finish() == (200, f"open {2 * len(PIECE)}")
        page = shop.get()
        json = httpx.get(f"http://127.0.0.1:{shop.port}/", headers={"Host": "door.test", "Accept": "application/json"})
        health = shop.get("/health")
        shop.ferryman("maintenance", "off").succeeded()
        before = load.statuses[200]
        wait_until(lambda: load.statuses[200] > before + 10, "the app answers again", seconds=20)
    print(f"{call.ended - call.began:.2f} s; {load.total} requests {dict(load.statuses)}, {len(load.failures)} lost")
    assert (page.status_code, page.headers["Retry-After"], page.headers["Cache-Control"]) == (503, "7", "no-store")
    assert f"<p>{html.escape(MESSAGE)}</p>" in page.text
    assert (json.status_code, json.json()["detail"]) == (503, MESSAGE)
    assert (health.status_code, health.text) == (200, "fine")
    assert load.failures == []
    assert load.statuses[503] > 10


def test_maintenance_outlives_edge_agent_and_deploy(shop: Shop, open_in_the_end: None) -> None:
    run = shop.prepared.server.run
    shop.ferryman("maintenance", "on", "--message", "soon").succeeded()
    run(["docker", "restart", "ferryman.edge"])
    wait_until(lambda: "soon" in said(shop), "the edge says it again", seconds=20)
    run(["systemctl", "restart", "ferryman-agent"])
    wait_until(lambda: status_of(shop) == ("maintenance", 503), "the agent is back", seconds=20)
    assert "maintenance is on" in shop.deploy(word="new").stderr.text
    assert status_of(shop) == ("maintenance", 503)
    assert "maintenance  since" in shop.ferryman("status").stdout.text
    shop.ferryman("maintenance", "off").succeeded()
    assert shop.word() == "new"


def test_a_stop_lets_requests_finish_and_a_start_waits_for_health(shop: Shop, open_in_the_end: None) -> None:
    with Load(shop.port, shop.domain, accepted=EITHER) as load:
        upload, call = Upload(shop.port, shop.domain), shop.start("stop")
        call.wait_for("switch")
        wait_until(lambda: shop.get().status_code == 503, "the edge answers", seconds=20)
        assert call.process.poll() is None, "it waits for the upload"
        assert upload.finish()[0] == 200
        call.end().succeeded("is stopped")
        page, health = shop.get(), shop.get("/health")
        assert shop.status()["state"] == "stopped"
        shop.ferryman("restart").ended_with(3, "[app-stopped]", "ferryman start")
        shop.ferryman("start").succeeded("serves")
        before = load.statuses[200]
        wait_until(lambda: load.statuses[200] > before + 10, "the app answers again", seconds=20)
    assert (page.status_code, page.headers["Retry-After"], health.status_code) == (503, "300", 503)
    assert "is stopped" in page.text
    other = httpx.get(f"http://127.0.0.1:{shop.port}/", headers={"Host": "nobody.test"})
    assert (other.status_code, "is stopped" in other.text) == (503, False)
    assert load.failures == []
    assert status_of(shop) == ("serving", 200)


def test_stop_and_maintenance_outlive_a_reboot_and_a_deploy_starts(
    shop: Shop, new_shop: Callable[..., Shop], open_in_the_end: None
) -> None:
    closed = new_shop("gate", "gate.test")
    closed.deploy(word="gate")
    shop.ferryman("stop").succeeded()
    closed.ferryman("maintenance", "on").succeeded()
    shop.prepared.server.power_cut()
    shop.prepared.server.wait_engine()
    wait_until(lambda: "is stopped" in said(shop), "the edge is up", seconds=30)
    wait_until(lambda: said(closed, "/health") == "fine", "the app is up", seconds=30)
    assert "under maintenance" in closed.get().text
    assert status_of(shop) == ("stopped", 503)
    assert status_of(closed) == ("maintenance", 503)
    running = ["docker", "ps", "--format", "{{.Names}}", "--filter", f"label=ferryman.app={shop.id}"]
    assert shop.prepared.server.run(running) == ""
    assert "starts the app, which was stopped" in shop.deploy(word="again").stderr.text
    assert shop.word() == "again"


def test_restarts_lose_no_request(shop: Shop) -> None:
    shop.settings["app"]["roles"]["worker"] = {"command": ["worker"], "stop_grace": "1s"}
    shop.configure()
    shop.deploy()
    before = shop.serving()
    with Load(shop.port, shop.domain, slow=True) as load:
        restarted = shop.ferryman("restart", "--json").json()
        shop.ferryman("restart", "--role", "worker").succeeded()
    print(f"{restarted['seconds']:.1f} s; {load.total} requests {dict(load.counts)}, {len(load.failures)} lost")
    assert load.failures == []
    assert shop.serving() == before
    assert shop.containers() == {f"web.{before}.1", f"worker.{before}.2"}
    shop.ferryman("restart", "--role", "beat").ended_with(3, "[unknown-role]", "web, worker")
    kinds = [item["kind"] for item in shop.ferryman("deployments", "--json").json()["deployments"]]
    assert kinds[:2] == ["restart", "restart"]
