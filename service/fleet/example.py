"""An example fleet: two servers, four apps in their environments, every way a deployment can end, and notices."""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from fleet.report import Event, Report

NAMESPACE = uuid.UUID("6f1c2c8e-6f3a-4c46-9d8e-3a2b1f0c9d77")
STEPS = [
    *[("preflight", 0.06), ("make room", 0.02), ("pull", 2.1), ("database", 0.9), ("start web", 0.7)],
    *[("healthy", 2.4), ("commit", 0.01), ("switch", 0.02), ("drain", 0.8), ("stop old", 0.6)],
    *[("other roles", 0.5), ("retain", 0.15)],
]
CRASH: dict[str, Any] = {
    "code": "crashed",
    "message": "web exited with 1 before it was healthy; release 11 serves",
    "exit_code": 1,
    "log": [
        '  File "/app/shop/settings.py", line 41, in <module>',
        '    PAYMENT_URL = os.environ["PAYMENT_URL"]',
        "                  ~~~~~~~~~~^^^^^^^^^^^^^^^",
        "KeyError: 'PAYMENT_URL'",
    ],
    "http_status": None,
    "http_body": "",
}
UNHEALTHY: dict[str, Any] = {
    "code": "unhealthy",
    "message": "web answered 503 at /health/ready; release 4 serves",
    "exit_code": None,
    "log": [],
    "http_status": 503,
    "http_body": '{"status": "not ready", "not_ready": ["database"]}',
}
AUTHORS = ["Ada", "Anna"]
SUBJECTS = [
    "Show the price with its tax",
    "Keep the cart when somebody signs in",
    "Ask for the orders of a customer in one query",
    "Refuse an address without a postcode",
    "Send the receipt from the queue, so that paying does not wait for the mail server to answer",
    "Fix the total of an order that was partly returned",
    "Raise Django to 5.2.8",
    "Let a note be as long as people write them",
    "Name the field that an import could not read",
    "Translate the receipts",
]


@dataclass(frozen=True)
class Run:
    """One deployment of the example: how long ago, of what, and how it went."""

    minutes_ago: int
    app: str
    environment: str
    release: int
    outcome: str = "succeeded"
    kind: str = "deploy"
    pace: float = 1.0
    stops_at: str = ""
    error: dict[str, Any] | None = None
    stayed: list[str] = field(default_factory=list)


FLEET = {
    "vps-1.example.com": [
        Run(9400, "shop-api", "production", 9, pace=1.9),
        Run(8100, "harbour", "production", 3),
        Run(7250, "shop-api", "production", 10, pace=1.7),
        Run(5800, "harbour", "production", 4, pace=1.1),
        Run(4310, "shop-api", "production", 11, pace=2.2),
        Run(2920, "shop-api", "production", 12, "failed", stops_at="healthy", error=CRASH, stayed=["orders.0007_note"]),
        Run(2875, "shop-api", "production", 13, pace=1.8),
        Run(1490, "harbour", "production", 5, "failed", stops_at="healthy", error=UNHEALTHY, pace=1.2),
        Run(1460, "harbour", "production", 5, "cancelled", stops_at="pull", pace=3.0),
        Run(610, "shop-api", "production", 14, pace=1.6),
        Run(588, "shop-api", "production", 13, kind="rollback", pace=0.5),
        Run(47, "harbour", "production", 6),
    ],
    "vps-2.example.com": [
        Run(6600, "harbour", "staging", 21, pace=0.9),
        Run(3333, "newsletter", "production", 2, pace=1.3),
        Run(1801, "harbour", "staging", 22, "interrupted", stops_at="start web"),
        Run(1800, "harbour", "staging", 22, pace=0.9),
        Run(300, "newsletter", "production", 2, "unchanged", stops_at="preflight"),
        Run(55, "harbour", "staging", 23, pace=0.8),
    ],
}


NOTICES: dict[str, list[tuple[int, tuple[str, str] | None, dict[str, Any]]]] = {
    "vps-1.example.com": [
        (
            190,
            ("shop-api", "production"),
            {
                "code": "backup-failed",
                "subject": "shop-api.production",
                "severity": "critical",
                "message": "No backup since 2 days: the disk for backups is full",
                "next": "Make room in /var/lib/ferryman/backups, then run `ferryman doctor`",
            },
        ),
        (
            2600,
            None,
            {
                "code": "restart-needed",
                "subject": "server",
                "severity": "info",
                "message": "A new kernel is installed and waits for a restart",
                "next": "Restart the server when it suits you",
            },
        ),
    ],
    "vps-2.example.com": [
        (
            75,
            ("newsletter", "production"),
            {
                "code": "certificate-expires",
                "subject": "newsletter.production",
                "severity": "warning",
                "message": "The certificate of newsletter.example.com ends in 9 days and could not be renewed",
                "next": "See whether newsletter.example.com still points at this server",
            },
        )
    ],
}


def reports(now: datetime) -> dict[str, Report]:
    """Return one report per server; the fleet is the same each time, its clock ends at `now`."""
    found = {}
    for name, runs in FLEET.items():
        events = list(_events(name, runs, now))
        found[name] = Report(agent="0.1.0", events=[*events, *_notices(name, len(events), now)])
    return found


def _events(server: str, runs: list[Run], now: datetime) -> Iterator[Event]:
    sequence = 0
    serving: dict[tuple[str, str], int] = {}
    for run in runs:
        place = (run.app, run.environment)
        begin = now - timedelta(minutes=run.minutes_ago)
        for kind, at, data in _story(run, begin, serving.get(place)):
            sequence += 1
            yield Event(
                sequence=sequence,
                at=at,
                kind=f"deployment.{kind}",
                app=run.app,
                environment=run.environment,
                deployment=uuid.uuid5(NAMESPACE, f"{server} {run}"),
                data=data,
            )
        if run.outcome == "succeeded":
            serving[place] = run.release


def _notices(server: str, last: int, now: datetime) -> Iterator[Event]:
    for number, (minutes_ago, place, data) in enumerate(NOTICES[server], start=1):
        since = now - timedelta(minutes=minutes_ago)
        app, environment = place or (None, None)
        told = {**data, "since": f"{since:%Y-%m-%dT%H:%M:%SZ}", "ended": False}
        yield Event(sequence=last + number, at=since, kind="notice", app=app, environment=environment, data=told)


def _story(run: Run, begin: datetime, previous: int | None) -> Iterator[tuple[str, datetime, dict[str, Any]]]:
    yield "started", begin, _started(run, begin, previous)
    elapsed = 0.0
    for step, usual in STEPS:
        seconds = round(usual * run.pace * _wobble(f"{run}{step}"), 3)
        is_last = step == run.stops_at
        yield "step", begin + timedelta(seconds=elapsed), {"step": step, "state": "started"}
        elapsed += seconds
        state = "failed" if is_last and run.error else "done"
        yield "step", begin + timedelta(seconds=elapsed), {"step": step, "state": state, "seconds": seconds}
        elapsed += 0.01
        if is_last:
            break
    finished = {"outcome": run.outcome, "seconds": round(elapsed, 3), "error": run.error, "stayed": run.stayed}
    yield "finished", begin + timedelta(seconds=elapsed), finished


def _started(run: Run, begin: datetime, previous: int | None) -> dict[str, Any]:
    revision = _revision(run.app, run.release)
    commits = [] if run.kind == "rollback" else _commits(run, begin, previous)
    return {
        "kind": run.kind,
        "sequence": 400 + run.release,
        "release": {
            "number": run.release,
            "revision": revision,
            "image": f"example/{run.app}",
            "digest": f"sha256:{hashlib.sha256(revision.encode()).hexdigest()}",
            "environment_version": 1,
        },
        "previous": previous,
        "commits": commits,
        "commits_complete": run.kind == "rollback" or previous is not None,
    }


def _commits(run: Run, begin: datetime, previous: int | None) -> list[dict[str, str]]:
    """Return what is new since the previous release: one to four commits for each; of a first release, the newest."""
    number = 4 if previous is None else min((run.release - previous) * (1 + run.release % 4), len(SUBJECTS))
    return [
        {
            "revision": _revision(run.app, run.release) if index == 0 else _revision(f"{run.app} {index}", run.release),
            "subject": SUBJECTS[(run.release * 3 + index) % len(SUBJECTS)],
            "author": AUTHORS[(run.release + index) % len(AUTHORS)],
            "at": f"{begin - timedelta(minutes=9 + 47 * index):%Y-%m-%dT%H:%M:%SZ}",
        }
        for index in range(number)
    ]


def _revision(app: str, release: int) -> str:
    return hashlib.sha256(f"{app} {release}".encode()).hexdigest()[:40]


def _wobble(seed: str) -> float:
    """Return 0.7 to 1.3, the same for the same seed: no two runs take equally long."""
    return 0.7 + hashlib.sha256(seed.encode()).digest()[0] / 255 * 0.6
