"""Rows about Harbour itself: its promised times and memory, and its rate beside gunicorn's default."""

from __future__ import annotations

import http.client
import json
import os
import uuid
from collections.abc import Callable
from functools import partial
from statistics import median

from bench.arena import PORT, Arena, Contestant, Serving, deployment_report
from bench.stage import BenchFailed
from bench.table import Row
from bench.wrk import Load, Measured, wrk

LIST_LIMIT_MS = 15
REPORT_LIMIT_MS = 60
MEMORY_LIMIT_MB = 135
REPORT_EVENTS = 1000
FIRST_SEQUENCE = 10**17
LIST, REPORTS = "/api/v1/deployments/", "/api/v1/reports/"
DEFAULT = ["gunicorn", "--workers=1", "--worker-class=sync", "--threads=1"]


def service_rows(arena: Arena, repeats: int, seconds: int) -> list[Row]:
    """Harbour as it is shipped; then the same behind one sync worker, after it."""
    with arena.serving(Contestant("Harbour", arena.harbour)) as serving:
        rows = [*timed_rows(arena, serving, repeats)]
        harbour = rate(arena, serving, seconds)
        reports = report_rate(arena, serving, seconds)
        rows.append(memory_row(arena.pss_mb(serving.container)))
    with arena.serving(Contestant("one sync worker", arena.harbour, DEFAULT)) as serving:
        default = rate(arena, serving, seconds)
        default_reports = report_rate(arena, serving, seconds)
    note = f"wrk, 16 connections through the edge, {seconds} s each after a second of warming up, one after the other"
    beside_default = f"{note}; the default is one sync worker serving the same image."
    return [
        *rows,
        _rate_row("list of deployments, beside gunicorn's default", harbour, default, beside_default),
        _rate_row("  reports of 26 events, the same", reports, default_reports, f"{note}; eight servers' tokens."),
    ]


def timed_rows(arena: Arena, serving: Serving, repeats: int) -> list[Row]:
    """The two promised times, as Harbour's own log tells them: nothing but Harbour and PostgreSQL is in them."""
    fleet = f"{arena.fleet.deployments:,} deployments and {arena.fleet.events:,} events in PostgreSQL 17"
    filters = ["", "?app=load-0007", "?environment=production", "?outcome=failed", "?server=load-0003.example.com"]
    lists: dict[str, float] = {}
    for query in filters:
        ask = partial(_get, arena, serving, LIST + query)
        lists[query] = median(_logged(arena, serving, LIST, repeats, ask))
        arena.log(f"{LIST}{query}: {lists[query]:.1f} ms")
    slowest = max(filters, key=lists.__getitem__)
    times = _logged(arena, serving, REPORTS, repeats, lambda turn: _report(arena, serving, turn))
    report = median(times)
    load = f"median of {repeats}, as Harbour's request log has it, with {fleet}; load average {os.getloadavg()[0]:.1f}"
    return [
        Row(
            "list of deployments, server time",
            f"{lists['']:.1f} ms",
            limit=f"{LIST_LIMIT_MS} ms",
            is_met=lists[slowest] <= LIST_LIMIT_MS,
            note=f"{load}. The limit is held against the slowest of the list and its filters by app, environment, "
            f"outcome and server: {slowest or 'no filter'}, {lists[slowest]:.1f} ms.",
        ),
        Row(
            f"report of {REPORT_EVENTS:,} events, server time",
            f"{report:.1f} ms",
            limit=f"{REPORT_LIMIT_MS} ms",
            is_met=report <= REPORT_LIMIT_MS,
            note=f"{load}; each of new events of 39 deployments. Spread: {min(times):.1f} to {max(times):.1f} ms.",
        ),
    ]


def memory_row(megabytes: float) -> Row:
    """Both workers and their master."""
    return Row(
        "memory of Harbour's two workers",
        f"{megabytes:.0f} MB",
        limit=f"{MEMORY_LIMIT_MB} MB",
        is_met=megabytes <= MEMORY_LIMIT_MB,
        note="proportional set size of every process in the container, after the load of the rows above.",
    )


def rate(arena: Arena, serving: Serving, seconds: int) -> Measured:
    """Lists under load."""
    return _loaded(serving, Load("get", LIST, [arena.reader]), seconds)


def report_rate(arena: Arena, serving: Serving, seconds: int) -> Measured:
    """Reports under load."""
    return _loaded(serving, Load("report", REPORTS, arena.reporters), seconds)


def _loaded(serving: Serving, load: Load, seconds: int) -> Measured:
    url = f"http://{serving.edge}:{PORT}"
    wrk(url, load, 1)
    measured = wrk(url, load, seconds)
    if measured.failed:
        raise BenchFailed("bench-failed-requests", f"{measured.failed} requests of {load.path} failed")
    return measured


def _rate_row(claim: str, ours: Measured, theirs: Measured, note: str) -> Row:
    shown = f"{note} Median and 99th percentile: {ours.p50:.0f} and {ours.p99:.0f} ms, "
    shown += f"the other {theirs.p50:.0f} and {theirs.p99:.0f} ms."
    return Row(claim, f"{ours.rate:.0f}/s", f"{theirs.rate:.0f}/s", f"{ours.rate / theirs.rate:.2f}", note=shown)


def _logged(arena: Arena, serving: Serving, path: str, repeats: int, ask: Callable[[int], object]) -> list[float]:
    """The milliseconds of the requests made now, from the log; three more come first and are left out."""
    for turn in range(repeats + 3):
        ask(turn)
    lines = arena.docker.logs(serving.container, lines=repeats * 2).splitlines()
    told = [json.loads(line) for line in lines if line.startswith("{")]
    times = [line["milliseconds"] for line in told if line.get("path") == path and "milliseconds" in line]
    return [float(one) for one in times[-repeats:]]


def _get(arena: Arena, serving: Serving, path: str, _: int = 0) -> bytes:
    return _ask(serving, "GET", path, arena.headers(arena.reader))


def _report(arena: Arena, serving: Serving, turn: int) -> None:
    body = deployment_report(FIRST_SEQUENCE + turn * REPORT_EVENTS, str(uuid.uuid4()), REPORT_EVENTS)
    receipt = json.loads(_ask(serving, "POST", REPORTS, arena.headers(arena.reporters[0]), body))
    if receipt["accepted"] != REPORT_EVENTS:
        raise BenchFailed("bench-not-new", f"only {receipt['accepted']} events of a report were new")


def _ask(serving: Serving, method: str, path: str, headers: dict[str, str], body: bytes | None = None) -> bytes:
    connection = http.client.HTTPConnection(serving.edge, PORT, timeout=30)
    connection.request(method, path, body, headers)
    answer = connection.getresponse()
    told = answer.read()
    connection.close()
    if answer.status != http.client.OK:
        raise BenchFailed("bench-status", f"{method} {path} was answered {answer.status}: {told[:300]!r}")
    return told
