"""Imports a module while this process waits for another one."""

from __future__ import annotations

import threading
from importlib import import_module


def import_ahead(module: str) -> None:
    """Begin to import a module in a thread of its own; whoever imports it meanwhile waits for the rest."""
    threading.Thread(target=import_module, args=(module,), daemon=True).start()
