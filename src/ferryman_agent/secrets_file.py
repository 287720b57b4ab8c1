"""The secrets that the agent makes for an app, in one file that only root reads."""

from __future__ import annotations

import json
import os
from pathlib import Path

NAME = "secrets.json"
SECRETS = {"postgres": 24, "database": 24, "secret_key": 50}


def read_secrets(folder: Path) -> dict[str, str]:
    """postgres: superuser's password; database: the app's; secret_key: Django's. Made on first use (hexadecimal)."""
    path = folder / NAME
    if not path.exists():
        write_private(path, json.dumps({name: os.urandom(size).hex() for name, size in SECRETS.items()}))
    return dict(json.loads(path.read_text()))


def write_private(path: Path, content: str) -> None:
    """Write a file with mode 0600, whole or not at all."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_DIRECTORY)
    try:
        os.fsync(folder)  # or a power cut may forget the name, and with it a password that PostgreSQL keeps
    finally:
        os.close(folder)
