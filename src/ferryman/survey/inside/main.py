"""Reads what is asked from standard input, and prints one line: what the project answers, or why it can't be asked."""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

MARK = "ferryman.answers="
DEEPEST = 12


def main() -> int:
    """One question, one answer; what the project prints goes to standard error."""
    asked = json.loads(sys.stdin.read())
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    answers = _ask(asked)
    out.write("\n" + MARK + json.dumps(answers) + "\n")
    out.flush()
    os._exit(0)  # threads that the project began keep nobody waiting


def _ask(asked: dict[str, Any]) -> dict[str, Any]:
    from ferryman.survey.inside import fence, readers, recording

    sys.path.insert(0, str(Path.cwd()))
    reached = fence.install()
    fill: dict[str, str] = dict(asked.get("fill", {}))
    record = recording.install(fill, is_plain=bool(asked.get("is_plain")))
    readers.install(record, fill)
    os.environ["DJANGO_SETTINGS_MODULE"] = asked["settings"]
    told: dict[str, Any] = {"python": ".".join(map(str, sys.version_info[:3])), "folder": str(Path.cwd())}
    try:
        told.update(_answers(asked))
    except BaseException as error:  # noqa: BLE001 - a settings module may raise or exit as it likes
        told["error"] = _error(error)
    told["variables"] = [variable.as_json() for variable in record.variables.values()]
    told["filled"], told["reached"] = fill, reached
    told["is_read_as_a_whole"] = record.is_read_as_a_whole
    return told


def _answers(asked: dict[str, Any]) -> dict[str, Any]:
    from ferryman.survey.inside import answers, background, health

    configuration = asked.get("configuration", "")
    if configuration:
        os.environ["DJANGO_CONFIGURATION"] = configuration
        importlib.import_module("configurations").setup()
    import django

    def setup() -> None:
        try:
            django.setup()
        except ValueError as error:
            if "Unable to configure" not in str(error):
                raise
            answers.without_logging()
            django.setup()
        else:
            told["settings"]["logs_to_console"] = answers.tells_tracebacks()

    told: dict[str, Any] = {"django": django.get_version(), "settings": answers.settings()}
    told["packages"] = answers.packages()
    health.without_manifest()
    parts: dict[str, Callable[[], Any]] = {
        "setup": setup,
        "connections": answers.connections,
        "models": answers.models,
        "routes": answers.routes,
        "background": lambda: background.background(asked.get("modules", [])),
        "health": lambda: health.call([route["path"] for route in told.get("routes", [])], asked["host"]),
    }
    failed: dict[str, Any] = {}
    wanted = asked.get("parts") or list(parts)
    for name, act in parts.items():
        if name not in wanted:
            continue
        try:
            told[name] = act()
        except BaseException as error:  # noqa: BLE001 - one part that fails leaves the others
            failed[name] = _error(error)
            if name == "setup":
                break
    told["failed"] = failed
    return told


def _error(error: BaseException) -> dict[str, Any]:
    """What failed, and where in the project's own files."""
    frames = traceback.extract_tb(error.__traceback__)
    here = str(Path.cwd()) + os.sep
    own = [frame for frame in frames if frame.filename.startswith(here)]
    last = own[-1] if own else None
    file, line = (last.filename, last.lineno) if last else ("", None)
    if isinstance(error, SyntaxError) and (error.filename or "").startswith(here):
        file, line = error.filename or "", error.lineno
    return {
        "kind": type(error).__name__,
        "module": getattr(error, "name", "") or "" if isinstance(error, ImportError) else "",
        "message": (str(error) + (f": {error.__cause__}" if error.__cause__ else ""))[:2000],
        "file": file[len(here) :],
        "line": line,
        "trace": traceback.format_exception(type(error), error, error.__traceback__)[-DEEPEST:],
    }


if __name__ == "__main__":
    sys.exit(main())
