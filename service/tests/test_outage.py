"""A lost database: 503 at once, no traceback, and all is well a moment after it is back."""

import collections
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import httpx
import psycopg
import pytest

from ground.postgresql import local
from ground.postgresql.gate import REMINDER_SECONDS, RETRY_SECONDS, DatabaseLost, Gate
from tests.running import Running, environment, gunicorn, manage

# Signing in over and over meets its limit.
WELL = {200, 302, 429}
# Generous: other work on the machine takes its time from all.
SLOW_SECONDS = 6.0
BACK_SECONDS = 4.0
PERSON = {"email": "anna@example.com", "password": "a-password-of-the-tests"}


@dataclass
class Clock:
    """A clock that a test sets."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now


def fail() -> None:
    raise psycopg.OperationalError("connection refused")


def through(gate: Gate, connect: Callable[[], None] = lambda: None) -> None:
    with gate.passage():
        connect()


def test_after_a_failure_nobody_tries_for_a_moment_and_then_one_does() -> None:
    clock = Clock()
    gate = Gate(clock)
    through(gate)
    with pytest.raises(psycopg.OperationalError, match="refused"):
        through(gate, fail)
    with pytest.raises(DatabaseLost):
        through(gate, lambda: pytest.fail("tried too early"))
    clock.now += RETRY_SECONDS
    with gate.passage():
        with pytest.raises(DatabaseLost):
            through(gate, lambda: pytest.fail("two at a time"))
        assert not gate.is_open
    assert gate.is_open
    through(gate)


def test_a_trial_that_breaks_off_leaves_its_turn_to_the_next() -> None:
    clock = Clock()
    gate = Gate(clock)
    with pytest.raises(psycopg.OperationalError):
        through(gate, fail)
    clock.now += RETRY_SECONDS
    with pytest.raises(KeyError), gate.passage():
        raise KeyError
    through(gate)
    assert gate.is_open


def test_the_log_tells_a_long_outage_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("ground.postgresql.gate.log.warning", lambda event, **_: told.append(event), raising=False)
    clock = Clock()
    gate = Gate(clock)
    for _ in range(int(2 * REMINDER_SECONDS / RETRY_SECONDS)):
        with pytest.raises(psycopg.OperationalError):
            through(gate, fail)
        clock.now += RETRY_SECONDS
    through(gate)
    assert told == ["database lost", "database lost", "database back"]


@dataclass
class Load:
    """Threads that ask one address each, over and over, and note when what was answered, and how long it took."""

    running: Running
    answers: list[tuple[float, str, int, float, str]] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)
    threads: list[threading.Thread] = field(default_factory=list)

    def begin(self, requests: Mapping[str, Callable[[httpx.Client], httpx.Response]]) -> None:
        """Start a thread for each request."""
        self.threads += [threading.Thread(target=self.ask, args=item) for item in requests.items()]
        for thread in self.threads:
            thread.start()

    def end(self) -> None:
        """Wait for the last answers."""
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def ask(self, name: str, request: Callable[[httpx.Client], httpx.Response]) -> None:
        """Ask until it is over."""
        while not self.is_over.is_set():
            began = time.monotonic()
            with httpx.Client(base_url=self.running.url, timeout=30) as client:
                answer = request(client)
            seconds = time.monotonic() - began
            retry = answer.headers.get("Retry-After", "")
            self.answers.append((began, name, answer.status_code, seconds, retry))
            time.sleep(0.05)

    def is_well(self, names: Iterable[str], since: float) -> bool:
        """Whether each address has been answered well to what was asked since then."""
        well = {name for _, name, status, *_ in self.between(since, float("inf")) if status in WELL}
        return well.issuperset(names)

    def between(self, start: float, end: float) -> list[tuple[float, str, int, float, str]]:
        """Return the answers to what was asked from start to end."""
        return [answer for answer in self.answers if start <= answer[0] < end]


def sign_in(client: httpx.Client) -> httpx.Response:
    """Send the form of the sign-in page, which reads and writes the session."""
    form = {"username": PERSON["email"], "password": PERSON["password"], "csrfmiddlewaretoken": "a" * 32}
    return client.post("/sign-in/", data=form, headers={"Cookie": f"csrftoken={form['csrfmiddlewaretoken']}"})


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    folder = Path(f"/var/tmp/harbour-outage-{threading.get_native_id()}")  # noqa: S108
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def running(cluster: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with local.running(cluster) as url:
        variables = environment(url, HARBOUR_PUBLIC_READ="true")
        manage(variables, "migrate", "--noinput", "--verbosity=0")
        make = f"from access.models import User; User.objects.create_superuser(**{PERSON!r})"
        manage(variables, "shell", "--no-imports", "-c", make)
        token = manage(variables, "create_server_token", "--server", "vps-1").strip()
        with gunicorn(tmp_path_factory.mktemp("outage"), variables) as started:
            started.headers["Authorization"] = f"Bearer {token}"
            yield started


@pytest.mark.parametrize(("mode", "outage_seconds"), [("fast", 4), ("immediate", 20)])
def test_a_stopped_database_costs_503_and_nothing_else(
    running: Running, cluster: Path, mode: str, outage_seconds: int
) -> None:
    logged_before = len(running.lines())
    with httpx.Client(base_url=running.url) as client:
        assert sign_in(client).status_code == HTTPStatus.FOUND
        session = client.cookies["sessionid"]
    report = {"agent": "1", "events": [{"sequence": 1, "at": "2026-11-23T08:00:00Z", "kind": "x"}]}
    requests: dict[str, Callable[[httpx.Client], httpx.Response]] = {
        "ready": lambda client: client.get("/health/ready"),
        "live": lambda client: client.get("/health/live"),
        "page": lambda client: client.get("/", headers={"Cookie": f"sessionid={session}"}),
        "api": lambda client: client.get("/api/v1/deployments/"),
        "sign-in": sign_in,
        "admin": lambda client: client.get("/admin/", headers={"Cookie": f"sessionid={session}"}),
        "report": lambda client: client.post("/api/v1/reports/", json=report, headers=running.headers),
    }
    workers, load = running.workers(), Load(running)
    load.begin(requests)
    time.sleep(1)
    local.stop(cluster, mode)
    lost = time.monotonic()
    time.sleep(outage_seconds)
    starting = time.monotonic()
    local.start(cluster)
    back, at_back = time.monotonic(), time.time()
    while not load.is_well(requests, back) and time.monotonic() < back + BACK_SECONDS:
        time.sleep(0.05)
    well = time.monotonic()
    time.sleep(1)
    load.end()

    during = [a for a in load.between(lost, starting) if a[1] != "live" and a[0] + a[3] < starting]
    assert {name for _, name, *_ in during} == set(requests) - {"live"}
    assert {status for _, _, status, *_ in during} == {503}
    assert [answer for answer in during if not answer[4]] == []
    assert max(seconds for *_, seconds, _ in during) < SLOW_SECONDS
    assert len(during) > 4 * outage_seconds
    assert {status for _, name, status, *_ in load.answers if name == "live"} == {200}
    logged = running.lines()[logged_before:]
    noted = [line for line in logged if line["event"] != "request"]
    late = [answer for answer in load.between(well, float("inf")) if answer[2] not in WELL]
    assert late == [], f"back at {back} ({at_back}): {noted}"
    assert {status for _, _, status, *_ in load.answers} <= {*WELL, 503}
    assert running.workers() == workers
    assert not [line for line in logged if "exception" in line]
    noise = collections.Counter(line["event"] for line in noted)
    assert noise["database lost"] <= len(workers) * (1 + outage_seconds // REMINDER_SECONDS)
    assert noise["database back"] == 2
    assert [line for line in logged if line["level"] in {"error", "critical"}] == []
