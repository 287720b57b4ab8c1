"""Opens the ledger for acting on it; a missing or an empty one is a new server's only where nothing is carried yet."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ferryman_agent.doctor.findings import traces
from ferryman_agent.engine import Engine, EngineError
from ferryman_agent.errors import Unavailable
from ferryman_agent.ledger import Ledger, Reserve
from ferryman_agent.ledger.faults import GOES_ON, check_header, fault_of, missing

LEDGER = "ledger.db"


def open_ledger(folder: Path, engine: Engine, clock: Callable[[], str]) -> Ledger:
    """The ledger in the state's folder.

    Raises Unavailable: `ledger-damaged`, `ledger-newer`, `ledger-missing`, `ledger-read-only`, `ledger-disk-full`;
    `engine-down` where there is no ledger and it is not known whether the server is new.
    """
    path = folder / LEDGER
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = not path.exists() or path.stat().st_size == 0
        if is_new:  # SQLite must not look at it yet: beside an empty file it throws the write-ahead log away
            _check_new(path, engine, folder)
        else:
            check_header(path)
        if not path.exists():
            path.touch(mode=0o600)
        ledger = Ledger(path, clock, Reserve(folder / "ledger.reserve"))
    except OSError as error:
        raise fault_of(path, error) from error
    try:
        if not is_new and not ledger.apps():
            _check_new(path, engine, folder)
    except BaseException:
        ledger.close()
        raise
    return ledger


def engine_refuses(error: EngineError) -> Unavailable:
    """The engine is there, and can't tell what the server has."""
    hint = "on the server: systemctl status docker"
    return Unavailable("engine-down", error.message, state=GOES_ON, hint=hint)


def _check_new(path: Path, engine: Engine, folder: Path) -> None:
    try:
        found = traces(engine, folder)
    except EngineError as error:
        raise engine_refuses(error) from error
    except Unavailable:
        if path.exists() and path.stat().st_size:
            return  # a whole ledger without an app, and nothing that speaks against it
        raise
    if found:
        raise missing(path, found)
