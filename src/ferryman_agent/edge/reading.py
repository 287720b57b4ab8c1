"""Pure: what the edge's files say, read back: where each slot's requests go."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ferryman_agent.edge.closed import Closed

BACKEND = re.compile(r"backend slot(\d+)")
SERVER = re.compile(r"    server ([ab]) ([0-9.]+):(\d+)( disabled)?")
UNUSED = "127.0.0.1"


@dataclass(frozen=True)
class WrittenSlot:
    """One slot in use: the addresses of its lanes, the lane that takes requests, what answers in the app's place."""

    slot: int
    addresses: dict[str, str]
    lane: str | None
    closed: Closed | None


def written_slots(texts: dict[str, str]) -> list[WrittenSlot]:
    """The slots in use according to haproxy.cfg and closed.map; nothing is raised, whatever the files hold."""
    closed = _closed(texts.get("closed.map", ""))
    found: dict[int, dict[str, tuple[str, bool]]] = {}
    slot = 0
    for line in texts.get("haproxy.cfg", "").splitlines():
        if backend := BACKEND.fullmatch(line):
            slot = int(backend[1])
        elif not line.startswith(" "):
            slot = 0
        elif slot and (server := SERVER.fullmatch(line)) and server[2] != UNUSED:
            found.setdefault(slot, {})[server[1]] = (server[2], not server[4])
    return [_slot(slot, lanes, closed.get(slot)) for slot, lanes in sorted(found.items())]


def _slot(slot: int, lanes: dict[str, tuple[str, bool]], closed: Closed | None) -> WrittenSlot:
    ready = [lane for lane, (_, is_enabled) in lanes.items() if is_enabled]
    addresses = {lane: address for lane, (address, _) in lanes.items()}
    return WrittenSlot(slot, addresses, ready[0] if len(ready) == 1 else None, closed)


def _closed(text: str) -> dict[int, Closed]:
    found = {}
    for line in text.splitlines():
        key, _, value = line.partition(" ")
        try:
            found[int(key.removeprefix("slot"))] = Closed.parse(value)
        except ValueError:
            continue
    return found
