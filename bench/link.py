"""Rows about the network: connections and round trips of a deploy, and what a long way costs."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from statistics import median

from bench.proxy import Connection, Proxy
from bench.stage import BenchFailed, Stage
from bench.table import Row
from ferryman.rehearsal.state import StateFile

ROUND_TRIP_SECONDS = 0.1
ADDED_LIMIT_SECONDS = 1.5
ROUND_TRIPS_LIMIT = 6
KAMAL = "Kamal 2.12: "


@dataclass(frozen=True)
class Seen:
    """One run of `ferryman deploy`: all its seconds, those of the transaction on the server, and what the proxy saw."""

    seconds: float
    on_server: float
    connections: int
    round_trips: int

    @property
    def around(self) -> float:
        """The command's seconds without the server's own, which vary with the app's start more than with the way."""
        return self.seconds - self.on_server


def link_rows(stage: Stage, repeats: int) -> list[Row]:
    """`ferryman deploy` through the proxy, alternating between no delay and 100 ms on each round trip."""
    near: list[Seen] = []
    far: list[Seen] = []
    with through_proxy(stage) as proxy:
        for _ in range(repeats):
            near.append(_deploy(stage, proxy, 0.0))
            far.append(_deploy(stage, proxy, ROUND_TRIP_SECONDS))
    added = median(seen.around for seen in far) - median(seen.around for seen in near)
    connections = max(seen.connections for seen in near + far)
    round_trips = max(seen.round_trips for seen in far)
    note = (
        "`ferryman deploy --no-build` of a new commit each time, the whole command, through a proxy of our own between "
        "ssh and sshd that holds each direction back by 50 ms and TCP's handshake by its part; "
    )
    return [
        Row(
            "connections of a deploy",
            f"{connections}",
            f"{KAMAL}31 calls",
            "",
            "1",
            connections == 1,
            f"{note}counted.",
        ),
        Row(
            "round trips of a deploy after the SSH login",
            f"{round_trips}",
            "",
            "",
            f"{ROUND_TRIPS_LIMIT}",
            round_trips <= ROUND_TRIPS_LIMIT,
            "the proxy notes when bytes leave the client and when they reach it; counted are the changes from sending "
            "to getting, from the moment at which sshd's journal says that the login was accepted until the end of the "
            "connection, with 100 ms of round-trip time; the most of all runs.",
        ),
        Row(
            "seconds that 100 ms of round-trip time add to a deploy",
            f"{added:.2f} s",
            f"{KAMAL}7 s",
            f"{added / 7:.2f}",
            f"{ADDED_LIMIT_SECONDS} s",
            added <= ADDED_LIMIT_SECONDS,
            f"{note}{repeats} times with and {repeats} times without, alternating. Compared are the medians of the "
            "command's seconds less the transaction's own on the server, which the way does not touch "
            f"({median(s.around for s in near):.2f} s without; the whole command took "
            f"{median(s.seconds for s in near):.2f} s without and {median(s.seconds for s in far):.2f} s with).",
        ),
    ]


@contextlib.contextmanager
def through_proxy(stage: Stage) -> Iterator[Proxy]:
    """Have the real command line reach the server through the proxy: its state names the proxy's port."""
    file, state, server = StateFile(stage.project), stage.state, stage.server
    assert stage.destination.link, "found once, and before the state names another port than sshd's"
    with Proxy(server.ssh_port).running() as proxy:
        machine = replace(server, ssh_port=proxy.port)
        file.save(replace(state, machine=machine))
        try:
            yield proxy
        finally:
            file.save(state)


def _deploy(stage: Stage, proxy: Proxy, round_trip: float) -> Seen:
    stage.ship_word()
    proxy.round_trip = round_trip
    before, since = len(proxy.connections), time.time()
    began = time.monotonic()
    told = json.loads(stage.ferryman("deploy", "--to", "rehearsal", "--no-build", "--json"))
    seconds = time.monotonic() - began
    connections = proxy.connections[before:]
    return Seen(seconds, float(told["seconds"]), len(connections), _round_trips(stage, connections, since))


def _round_trips(stage: Stage, connections: list[Connection], since: float) -> int:
    accepted = _logins(stage, since)
    if len(accepted) != len(connections):
        raise BenchFailed("bench-logins", f"{len(connections)} connections, but {len(accepted)} logins in the journal")
    return sum(connection.round_trips(at) for connection, at in zip(connections, accepted, strict=True))


def _logins(stage: Stage, since: float) -> list[float]:
    """When sshd accepted a login, by its journal; container and proxy have the same clock."""
    command = ["journalctl", "--output", "json", "--since", f"@{since:.0f}", "_COMM=sshd-session", "+", "_COMM=sshd"]
    entries = [json.loads(line) for line in stage.machine.run(command).splitlines()]
    times = [
        int(entry.get("_SOURCE_REALTIME_TIMESTAMP", entry["__REALTIME_TIMESTAMP"])) / 1e6
        for entry in entries
        if str(entry["MESSAGE"]).startswith("Accepted publickey for ferryman")
    ]
    return [at for at in times if at >= since]
