"""The agent as one file, made from the installed package: the same sources give the same bytes."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable

TIMESTAMP = (1980, 1, 1, 0, 0, 0)
SHEBANG = b"#!/usr/bin/env python3\n"
LEFT_OUT = {"__pycache__", "testing"}
MAIN = """\
import sys

from ferryman_agent.__main__ import main

sys.exit(main())
"""


def build_zipapp() -> bytes:
    """The zipapp of `ferryman_agent`; sorted, with fixed times, not compressed (compressors differ)."""
    target = io.BytesIO()
    target.write(SHEBANG)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        _add(archive, "__main__.py", MAIN.encode())
        for name, content in sorted(_contents(files("ferryman_agent"), "ferryman_agent")):
            _add(archive, name, content)
    return target.getvalue()


def _contents(folder: Traversable, prefix: str) -> Iterator[tuple[str, bytes]]:
    for entry in folder.iterdir():
        name = f"{prefix}/{entry.name}"
        if entry.is_dir():
            if entry.name not in LEFT_OUT:
                yield from _contents(entry, name)
        elif not name.endswith(".pyc"):
            yield name, entry.read_bytes()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, TIMESTAMP)
    entry.create_system = 3
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)
