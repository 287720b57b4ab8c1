"""What a release can do wrong: the deploy ends soon after it, says why, and the old release loses no request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from command import Call
from load import Load
from shop import Shop

from ferryman.rehearsal.polling import wait_until

SOON_SECONDS = 5.0
HEALTH_LIMIT_SECONDS = 4
MIGRATE_LIMIT_SECONDS = 3
DOCKERFILE_WITHOUT_COMMAND = 'FROM python:3.13-slim-trixie\nENTRYPOINT ["/no/such/command"]\n'


@dataclass(frozen=True)
class Fault:
    """A behaviour, what the deploy says of it, in which step, and the limit that it runs into, if any.

    `after` is the last step before the fact, from whose end the seconds count.
    """

    behaviour: dict[str, Any]
    told: tuple[str, ...]
    after: str = "start web"
    limit: float = 0.0
    files: dict[str, str] = field(default_factory=dict)
    is_slow: bool = False


FAULTS = {
    "exits at start": Fault({"exit": 3}, ("[container-exited]", "exit code: 3", "| no such module: shop")),
    "answers 500": Fault(
        {"health": 500, "health_body": "no such table: cart"},
        ("[unhealthy]", "http status: 500", "http body: no such table: cart"),
    ),
    "answers a redirect": Fault(
        {"health": 302}, ("[unhealthy]", "http status: 302", "hint: is [app.roles.web] health"), is_slow=True
    ),
    "redirects to https": Fault(
        {"health": 301, "location": "https://kiosk.test/health"},
        ("[unhealthy]", "a redirect to https://kiosk.test/health", "hint: SECURE_SSL_REDIRECT is on"),
        is_slow=True,
    ),
    "refuses its host": Fault(
        {"health": 400},
        ("[unhealthy]", "answers 400 to the host kiosk.test", "was given ALLOWED_HOSTS=kiosk.test"),
        is_slow=True,
    ),
    "hangs before it listens": Fault(
        {"hang": True}, ("[unhealthy]", "4 s", "nothing listens in its container"), limit=HEALTH_LIMIT_SECONDS
    ),
    "listens to itself alone": Fault(
        {"address": "127.0.0.1"},
        ("[unhealthy]", "listens on 127.0.0.1:8000 alone", "hint: let it listen on 0.0.0.0:8000"),
        limit=HEALTH_LIMIT_SECONDS,
        is_slow=True,
    ),
    "listens on another port": Fault(
        {"port": 5000},
        ("[unhealthy]", "listens on port 5000, not on 8000", "[app.roles.web] port = 5000"),
        limit=HEALTH_LIMIT_SECONDS,
    ),
    "writes to its read-only root": Fault(
        {"writes": "/app/cache"},
        ("[container-exited]", "exited with code 1: OSError: [Errno 30]", "hint: /app/cache is on the container's"),
        is_slow=True,
    ),
    "hangs in the health check": Fault(
        {"health_hangs": True}, ("[unhealthy]", "4 s"), limit=HEALTH_LIMIT_SECONDS, is_slow=True
    ),
    "says 503 for ever": Fault(
        {"health": 503, "health_body": "warming up"},
        ("[unhealthy]", "http status: 503", "http body: warming up"),
        limit=HEALTH_LIMIT_SECONDS,
        is_slow=True,
    ),
    "needs too much memory": Fault({"memory_mb": 400}, ("[container-exited]", "exit code: 137", "out of memory")),
    "has a command that is not there": Fault(
        {}, ("[start-failed]", "/no/such/command"), after="database", files={"Dockerfile": DOCKERFILE_WITHOUT_COMMAND}
    ),
    "fails to migrate": Fault(
        {"migrations": ["shop.0002_cart"], "migrate": "fail"},
        ("[migration-failed]", "exit code: 3", "| migrating", "| relation does not exist"),
        after="pull",
    ),
    "hangs in a migration": Fault(
        {"migrations": ["shop.0002_cart"], "migrate": "hang"},
        ("[migration-timeout]", "3 s", "| migrating"),
        after="pull",
        limit=MIGRATE_LIMIT_SECONDS,
    ),
    "migrates another database": Fault(
        {"migrations": ["shop.0002_cart"], "migrate": "elsewhere"},
        (
            "[database-not-used]",
            "none of 1 announced migrations",
            "shop.0002_cart",
            "hint: make DATABASES",
            "| migrating",
        ),
        after="pull",
    ),
}


@pytest.fixture(scope="module")
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """An app with a database whose first release serves."""
    made = new_shop("kiosk", "kiosk.test")

    def limits(settings: dict[str, Any]) -> None:
        settings["database"] = {"version": 17, "migrate": ["migrate"], "migrate_timeout": f"{MIGRATE_LIMIT_SECONDS}s"}
        settings["app"]["roles"]["web"]["health_timeout"] = f"{HEALTH_LIMIT_SECONDS}s"

    made.configure(limits)
    made.deploy(word="good")
    return made


@pytest.fixture
def load(shop: Shop) -> Iterator[Load]:
    """Clients that go on during the whole test."""
    with Load(shop.port, shop.domain) as running:
        yield running
    assert running.failures == [], f"{running.total} requests"


def web_of(shop: Shop) -> set[int]:
    return {int(name.removeprefix("web.")) for name in shop.containers() if name != "postgres"}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] * fault.is_slow) for name, fault in FAULTS.items()]
)
def test_release_that_fails_leaves_the_old_one_serving(shop: Shop, load: Load, name: str) -> None:
    fault = FAULTS[name]
    before = shop.footprint()
    (number,) = web_of(shop)
    shop.commit(fault.files, **fault.behaviour)
    call = shop.ferryman("deploy").ended_with(1, *fault.told, f"state: release {number} goes on serving")
    seconds = call.seconds_after(f" {fault.after} ")
    assert fault.limit <= seconds <= fault.limit + SOON_SECONDS, call.told
    assert shop.footprint() == before
    newest = shop.ferryman("deployments", "--limit", "1", "--json").json()["deployments"][0]
    assert newest["state"] == "failed"
    assert f"[{newest['error']['code']}]" == fault.told[0]


def test_next_good_release_takes_over(shop: Shop, load: Load) -> None:
    before = shop.serving()
    call = shop.deploy(word="mended", scheme="http")
    assert shop.word() == "mended"
    assert shop.serving() > before
    assert web_of(shop) == {shop.serving()}
    assert call.steps()["database"][0] == "skipped"


def test_migrations_that_stayed_are_told(shop: Shop) -> None:
    def query(statement: str) -> str:
        database = f"ferryman.{shop.id}.postgres"
        psql = ["docker", "exec", "-u", "postgres", database, "psql", "-q", "-d", "kiosk_production", "-c", statement]
        return shop.prepared.server.run(psql)

    before = shop.serving()
    query("CREATE TABLE django_migrations (app text, name text); GRANT ALL ON django_migrations TO kiosk_production;")
    shop.commit(migrations=["shop.0002_cart"], migrate="hang")
    call = shop.start("deploy")
    migrating = ["docker", "ps", "-q", "-f", f"label=ferryman.app={shop.id}", "-f", "label=ferryman.role=migrate"]
    # only then has the agent read what was applied before
    wait_until(lambda: bool(shop.prepared.server.run(migrating).strip()), "the migrations run", seconds=60)
    query("INSERT INTO django_migrations VALUES ('shop', '0002_cart')")
    call.end().ended_with(1, "[migration-timeout]", f"release {before} goes on serving", "stay applied: shop.0002_cart")


def test_worker_that_exits_makes_the_release_degraded(shop: Shop) -> None:
    shop.settings["app"]["roles"]["worker"] = {"command": ["worker"], "stop_grace": "1s"}
    shop.configure()
    call: Call = shop.deploy(word="no worker", worker_exits=True)
    assert "degraded: worker does not stay up (exit code 5)" in call.stderr.text
    assert shop.word() == "no worker"
    found = shop.status()
    assert (found["state"], found["health"]["healthy"]) == ("degraded", True)
    assert "worker does not stay up" in found["degraded"]
    shop.deploy(word="with worker")
    assert shop.status()["state"] == "serving"
