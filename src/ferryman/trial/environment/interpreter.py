"""Finds the Python that a project asks for; where it can't be fetched, a compatible one on this machine."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from posixpath import join
from typing import Any

from ferryman.config import Configuration
from ferryman.packaging.pythons import find_python
from ferryman.trial.outcomes import CheckFailed

FETCH_SECONDS = 180
CARET = re.compile(r"\^\s*(\d+(?:\.\d+)*)")
TILDE = re.compile(r"(?:~\s*)?(\d+\.\d+)(?:\.\*)?")


class PythonMissing(CheckFailed):
    """Neither uv nor this machine has a Python that fits. Tests in the image's stage would begin here."""


@dataclass(frozen=True)
class Interpreter:
    """The path of a Python, and why it is not the one that was asked for; "" where it is."""

    path: str
    remark: str = ""


def find_interpreter(
    uv: str, configuration: Configuration, texts: Mapping[str, str], folders: Iterable[str]
) -> Interpreter:
    """Find it on this machine, else let uv fetch it, else take the nearest that `requires-python` allows.

    PythonMissing when there is none.
    """
    folders = list(folders)
    asked = configuration.pipeline.python or find_python(texts, folders)
    path = _find(uv, asked)
    if not path and _ask(uv, "python", "install", "--quiet", asked, seconds=FETCH_SECONDS) is not None:
        path = _find(uv, asked)
    if path:
        return Interpreter(path)
    bounds = python_bounds(texts, folders)
    for version in nearest(asked, _installed(uv)):
        path = _find(uv, ",".join(filter(None, (bounds, f"=={version}.*"))))
        if path:
            return Interpreter(path, f"Python {version} in place of {asked}, which can't be fetched here")
    allowed = f"none on this machine fits {bounds}" if bounds else "this machine has no other"
    raise PythonMissing(f"Python {asked} can't be fetched here, and {allowed}")


def python_bounds(texts: Mapping[str, str], folders: Iterable[str]) -> str:
    """What the nearest pyproject.toml allows, as PEP 440 writes it; "" where it says nothing."""
    for folder in folders:
        try:
            project: dict[str, Any] = tomllib.loads(texts.get(join(folder, "pyproject.toml"), ""))
        except tomllib.TOMLDecodeError:
            continue
        poetry = project.get("tool", {}).get("poetry", {}).get("dependencies", {})
        bounds = project.get("project", {}).get("requires-python") or poetry.get("python", "")
        if bounds:
            return ",".join(_as_pep440(part.strip()) for part in str(bounds).split("||")[0].split(","))
    return ""


def nearest(asked: str, versions: Iterable[str]) -> list[str]:
    """Minor versions, the nearest to the one that was asked for first; of two as near, the newer."""
    wanted = int(asked.partition(".")[2])
    minors = {int(version.split(".")[1]) for version in versions if version.startswith("3.")}
    return [f"3.{minor}" for minor in sorted(minors, key=lambda minor: (abs(minor - wanted), -minor))]


def _as_pep440(bound: str) -> str:
    caret = CARET.fullmatch(bound)
    if caret:
        return f">={caret[1]},<{int(caret[1].split('.')[0]) + 1}"
    tilde = TILDE.fullmatch(bound)
    return f"=={tilde[1]}.*" if tilde else bound


def _find(uv: str, request: str) -> str:
    found = _ask(uv, "python", "find", "--no-project", "--no-python-downloads", "--system", request)
    return (found or "").strip()


def _installed(uv: str) -> list[str]:
    told = _ask(uv, "python", "list", "--only-installed", "--output-format", "json")
    pythons = json.loads(told or "[]")
    return [item["version"] for item in pythons if item["implementation"] == "cpython" and item["path"]]


def _ask(*command: str, seconds: float = 60) -> str | None:
    """What a command prints; None when its status is not 0 or it takes too long."""
    words: Sequence[str] = command
    try:
        done = subprocess.run(
            words, cwd=Path("/"), stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
