"""The reserve: disk space held back, and given to the ledger when the disk is full, so that its writes come through."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

RESERVE_BYTES = 4 << 20
NEEDED_BYTES = 1 << 20
PLENTY_BYTES = 256 << 20


def free_bytes(folder: Path) -> int:
    """What is free on the disk of this folder."""
    return shutil.disk_usage(folder).free


class Reserve:
    """A file of RESERVE_BYTES at `path`. It is made while there is plenty of space, and removed when there is none."""

    def __init__(self, path: Path, free: Callable[[Path], int] = free_bytes) -> None:
        self._path = path
        self._free = free

    def make(self) -> None:
        """Hold the space back; nothing happens when it is held already, or when the disk has little left."""
        if self._path.exists() or self._free(self._path.parent) < PLENTY_BYTES:
            return
        with contextlib.suppress(OSError), self._path.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, RESERVE_BYTES)

    def give(self) -> None:
        """Before a write: give the space back when the disk is full."""
        if self._free(self._path.parent) < NEEDED_BYTES:
            self._path.unlink(missing_ok=True)
