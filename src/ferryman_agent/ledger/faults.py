"""Why the ledger can't be used, told by what the operating system and SQLite's result codes say, not by their words."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

from ferryman_agent.errors import Unavailable

GOES_ON = "what serves goes on serving; nothing was changed"
REBUILD = "`ferryman doctor` shows what the server has; with --rebuild it rebuilds the ledger from it"
WRITE_BYTES = 64 << 10  # the least that a write of the ledger may need
HEADER = b"SQLite format 3\0"
FULL, READ_ONLY = 13, 8  # SQLite's primary result codes


def fault_of(path: Path, error: Exception) -> Unavailable:
    """The fault behind an error of SQLite or of the operating system: a disk, or the file itself."""
    return of_the_disk(path, error) or damaged(f"the ledger {path} can't be read: {error}")


def of_the_disk(path: Path, error: Exception) -> Unavailable | None:
    """The fault when it is the disk's: it goes away by itself; None when the disk is well."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # Python has it since 3.11
    number = error.errno if isinstance(error, OSError) else 0
    if number == errno.EROFS or code == READ_ONLY or _is_read_only(path.parent):
        return Unavailable(
            "ledger-read-only",
            f"the ledger {path} can't be written: its disk is read-only ({error})",
            state=GOES_ON,
            hint="on the server: dmesg, findmnt; once it can be written the agent goes on by itself; where it does not,"
            " systemctl restart ferryman-agent",
        )
    if number in (errno.ENOSPC, errno.EDQUOT) or code == FULL or _is_full(path.parent):
        return Unavailable(
            "ledger-disk-full",
            f"the ledger {path} can't be written: its disk is full ({error})",
            state=GOES_ON,
            hint="on the server: df -h, df -i; once there is room the agent goes on by itself",
        )
    return None


def damaged(message: str) -> Unavailable:
    """The file is not what the agent wrote."""
    return Unavailable("ledger-damaged", message, state=GOES_ON, hint=REBUILD)


def missing(path: Path, traces: list[str]) -> Unavailable:
    """There is no ledger, or it holds nothing, on a server that carries apps."""
    what = "knows of no app" if path.exists() and path.stat().st_size else "is empty" if path.exists() else "is gone"
    message = f"the ledger {path} {what}, and this server has {', '.join(traces)}"
    return Unavailable("ledger-missing", message, state=GOES_ON, hint=REBUILD)


def _is_read_only(folder: Path) -> bool:
    try:
        return bool(os.statvfs(folder).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def _is_full(folder: Path) -> bool:
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < WRITE_BYTES or (found.f_files > 0 and found.f_favail == 0)


def check_header(path: Path) -> None:
    """Unavailable `ledger-damaged` for what is no database: SQLite would throw away the write-ahead log beside it."""
    with path.open("rb") as file:
        if file.read(len(HEADER)) != HEADER:
            raise damaged(f"the ledger {path} can't be read: it is no database")


class Place:
    """The file that a connection has open; `fault` is what became of it since."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._opened = path.stat()
        self._largest_bytes = self._opened.st_size

    def fault(self) -> Unavailable | None:
        """None while the file is where it was, no shorter than it was, and begins as a database does."""
        try:
            with self._path.open("rb") as file:
                found, header = os.fstat(file.fileno()), file.read(len(HEADER))
        except FileNotFoundError:
            return damaged(f"the ledger {self._path} was removed while the agent ran")
        except OSError as error:
            return fault_of(self._path, error)
        if (found.st_dev, found.st_ino) != (self._opened.st_dev, self._opened.st_ino):
            return damaged(f"the ledger {self._path} was replaced while the agent ran")
        if header != HEADER or found.st_size < self._largest_bytes:
            return damaged(f"the ledger {self._path} was overwritten or cut off while the agent ran")
        self._largest_bytes = found.st_size
        return None


def try_write(connection: sqlite3.Connection) -> None:
    """Raise what a write raises, before anything depends on one."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute(f"PRAGMA user_version = {int(version)}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
