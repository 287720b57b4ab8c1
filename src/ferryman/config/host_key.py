"""Writes a server's public host key into ferryman.toml, and leaves the rest of the file as it is."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from ferryman.errors import UsageError


def set_host_key(path: Path, environment: str, key: str) -> bool:
    """Set `host_key` of an environment; comments and layout stay. Return whether the file changed."""
    import tomlkit
    from tomlkit.items import AbstractTable

    text = path.read_bytes().decode("utf-8")
    document = tomlkit.parse(text)
    environments = document.get("environments")
    table = environments.get(environment) if environments is not None else None
    if not isinstance(table, AbstractTable):
        raise UsageError("unknown-environment", f'{path.name} has no environment "{environment}"')
    if table.get("host_key") == key:
        return False
    table["host_key"] = key
    _write_atomically(path, tomlkit.dumps(document))
    return True


def _write_atomically(path: Path, text: str) -> None:
    target = path.resolve()
    descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(target.stat().st_mode & 0o7777)
        Path(temporary).replace(target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
