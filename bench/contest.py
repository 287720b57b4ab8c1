"""Application servers against each other: rate, latency, memory, how they stop, and what slow clients do to others."""

from __future__ import annotations

import argparse
import http.client
import json
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.arena import PORT, Arena, Contestant, Fleet, Serving
from bench.stage import REPOSITORY
from bench.wrk import Load, wrk

SECONDS = 5
SLOW_CLIENTS = 8
PROBE_SECONDS = 4.0
STOP_SECONDS = 40
STOP_CLIENTS = 8
WORKERS = (1, 2, 4)
HEADINGS = (
    *("server", "workers", "list/s", "p50", "p99", "detail/s", "p50", "p99", "report/s", "p50", "p99", "memory"),
    *("lost at SIGTERM", "exit", "beside 8 slow bodies"),
)


@dataclass(frozen=True)
class Result:
    """One contestant's figures; `rates` and the like by endpoint, memory in MB, times in ms but `exit_seconds`."""

    server: str
    workers: int
    rates: dict[str, float]
    p50: dict[str, float]
    p99: dict[str, float]
    failed: int
    memory: float
    lost: int
    exit_seconds: float
    beside_slow: float

    @property
    def cells(self) -> list[str]:
        """What stands in the table."""
        cells = [self.server, str(self.workers)]
        for name in self.rates:
            cells += [f"{self.rates[name]:.0f}", f"{self.p50[name]:.0f} ms", f"{self.p99[name]:.0f} ms"]
        cells += [f"{self.memory:.0f} MB", str(self.lost), f"{self.exit_seconds:.1f} s", f"{self.beside_slow:.0f} %"]
        return cells


def contestants(arena: Arena) -> dict[str, tuple[int, Contestant]]:
    """Every server with every number of workers, by name."""
    found: dict[str, tuple[int, Contestant]] = {}
    for workers in WORKERS:
        told = {"WEB_CONCURRENCY": str(workers)}
        # With more than one thread gunicorn would quietly take gthread instead.
        sync = ["gunicorn", "--worker-class=sync", "--threads=1", f"--workers={workers}"]
        granian = [
            *["granian", "--interface=wsgi", "--host=0.0.0.0", f"--port={PORT}", f"--workers={workers}"],
            *["--blocking-threads=4", "--no-ws", "harbour.wsgi:application"],
        ]
        found[f"sync-{workers}"] = workers, Contestant("gunicorn sync", arena.harbour, sync, told)
        found[f"gthread-{workers}"] = workers, Contestant("gunicorn gthread", arena.harbour, None, told)
        found[f"granian-{workers}"] = workers, Contestant("granian", arena.harbour_with_granian, granian, told)
    return found


def compete(arena: Arena, workers: int, contestant: Contestant) -> Result:
    """Measure one: the three endpoints, memory under them, slow bodies, and at last the stop."""
    loads = {
        "list": Load("get", "/api/v1/deployments/", [arena.reader]),
        "detail": Load("get", f"/api/v1/deployments/{arena.deployment}/", [arena.reader]),
        "report": Load("report", "/api/v1/reports/", arena.reporters),
    }
    with arena.serving(contestant) as serving:
        url = f"http://{serving.edge}:{PORT}"
        for load in loads.values():
            wrk(url, load, 1)
        measured = {name: wrk(url, load, SECONDS) for name, load in loads.items()}
        memory = arena.pss_mb(serving.container)
        alone = answered(arena, serving)
        with slow_bodies(arena, serving):
            beside = answered(arena, serving)
        lost, exit_seconds = stop_under_load(arena, serving)
    return Result(
        contestant.name,
        workers,
        {name: one.rate for name, one in measured.items()},
        {name: one.p50 for name, one in measured.items()},
        {name: one.p99 for name, one in measured.items()},
        sum(one.failed for one in measured.values()),
        memory,
        lost,
        exit_seconds,
        beside / max(alone, 1) * 100,
    )


def answered(arena: Arena, serving: Serving) -> int:
    """How many lists one client gets through the edge in PROBE_SECONDS."""
    count, end = 0, time.monotonic() + PROBE_SECONDS
    while time.monotonic() < end:
        connection = http.client.HTTPConnection(serving.edge, PORT, timeout=max(end - time.monotonic(), 0.1))
        try:
            connection.request("GET", "/api/v1/deployments/", headers=arena.headers(arena.reader))
            count += connection.getresponse().status == http.client.OK
        except OSError:
            pass
        finally:
            connection.close()
    return count


@contextmanager
def slow_bodies(arena: Arena, serving: Serving) -> Iterator[None]:
    """Clients with a token that announce 100,000 bytes and send a byte each half second."""
    head = ["POST /api/v1/reports/ HTTP/1.1", "Content-Length: 100000"]
    head += [f"{name}: {value}" for name, value in arena.headers(arena.reporters[0]).items()]
    over = threading.Event()
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection((serving.edge, PORT))) for _ in range(SLOW_CLIENTS)]
        for client in clients:
            client.sendall("\r\n".join([*head, "", "{"]).encode())

        def drip() -> None:
            while not over.wait(0.5):
                for client in clients:
                    # A server may have cut it off.
                    with ExitStack() as ignored:
                        ignored.push(lambda kind, *_: kind is not None and issubclass(kind, OSError))
                        client.sendall(b" ")

        thread = threading.Thread(target=drip)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def stop_under_load(arena: Arena, serving: Serving) -> tuple[int, float]:
    """SIGTERM while clients ask the server itself; requests that were taken and not answered, seconds to the exit."""
    lost, over, lock = [0], threading.Event(), threading.Lock()

    def ask() -> None:
        while not over.is_set():
            connection = http.client.HTTPConnection(serving.app, PORT, timeout=STOP_SECONDS)
            try:
                connection.connect()
            except OSError:
                # Refused: an edge would have asked the other release.
                connection.close()
                time.sleep(0.02)
                continue
            try:
                connection.request("GET", "/api/v1/deployments/", headers=arena.headers(arena.reader))
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                with lock:
                    lost[0] += 1
            finally:
                connection.close()

    threads = [threading.Thread(target=ask) for _ in range(STOP_CLIENTS)]
    for thread in threads:
        thread.start()
    time.sleep(1)
    began = time.monotonic()
    arena.docker.run(["kill", "--signal", "TERM", serving.container])
    arena.docker.succeeds(["wait", serving.container], timeout=STOP_SECONDS)
    seconds = time.monotonic() - began
    over.set()
    for thread in threads:
        thread.join()
    return lost[0], seconds


def as_table(results: list[Result]) -> str:
    """The table as Markdown."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|" + " --- |" * len(HEADINGS)]
    lines += ["| " + " | ".join(result.cells) + " |" for result in results]
    return "\n".join(lines)


def main() -> int:
    """`python -m bench.contest`: measures what is not in the file yet, so that a broken run is taken up again."""
    parser = argparse.ArgumentParser(prog="python -m bench.contest", description=__doc__)
    parser.add_argument("--only", action="append", metavar="NAME", help="for example gthread-2 (repeatable)")
    parser.add_argument("--results", type=Path, default=Path(tempfile.gettempdir()) / "ferryman-contest.json")
    parser.add_argument("--deployments", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    found = json.loads(options.results.read_text()) if options.results.exists() else {}
    arena = Arena(
        REPOSITORY / "service", Fleet(options.deployments, options.events), lambda line: print(line, file=sys.stderr)
    )
    try:
        arena.up()
        for name, (workers, contestant) in contestants(arena).items():
            if name in found or (options.only and name not in options.only):
                continue
            print(f"measuring {name}", file=sys.stderr)
            found[name] = asdict(compete(arena, workers, contestant))
            options.results.write_text(json.dumps(found))
    finally:
        arena.down()
    print(as_table([Result(**result) for result in found.values()]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
