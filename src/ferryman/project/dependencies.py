"""Finds how a project states its dependencies, and which packages and which Python they name."""

from __future__ import annotations

import json
import posixpath
import re
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

from ferryman.project.findings import Dependencies, Packaging

PREFERRED_PYTHON = "3.13"
OTHER_PYTHONS = ("3.14", "3.12", "3.11")
REQUIREMENTS = (
    "requirements.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements-production.txt",
    "requirements-prod.txt",
    "requirements/base.txt",
    "requirements/requirements.txt",
)


def find_dependencies(texts: Mapping[str, str], folders: Iterable[str]) -> Dependencies:
    """Look into the folders in turn; a lock file wins over what it was made from."""
    for folder in folders:
        here = {posixpath.relpath(path, folder or "."): text for path, text in texts.items() if _is_in(path, folder)}
        found = _find(here)
        if found:
            return Dependencies(found[0], folder, found[1], frozenset(_normal(name) for name in found[2]))
    return Dependencies()


def find_python(texts: Mapping[str, str], folders: Iterable[str]) -> str:
    """Return the Python to build with: 3.13 unless the project says another."""
    for folder in folders:
        for name, pattern in ((".python-version", r"(3\.\d+)"), ("runtime.txt", r"python-(3\.\d+)")):
            found = re.match(pattern, texts.get(posixpath.join(folder, name), "").strip())
            if found:
                return found[1]
        asked = _toml(texts.get(posixpath.join(folder, "pyproject.toml"), ""))
        bounds = asked.get("project", {}).get("requires-python") or _poetry(asked).get("python", "")
        pipfile = _toml(texts.get(posixpath.join(folder, "Pipfile"), "")).get("requires", {})
        if "python_version" in pipfile:
            return str(pipfile["python_version"])
        if bounds:
            candidates = (PREFERRED_PYTHON, *OTHER_PYTHONS)
            return next((python for python in candidates if _fits(python, str(bounds))), PREFERRED_PYTHON)
    return PREFERRED_PYTHON


def _is_in(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def _find(here: Mapping[str, str]) -> tuple[Packaging, tuple[str, ...], list[str]] | None:
    project = _toml(here.get("pyproject.toml", ""))
    if "uv.lock" in here and "pyproject.toml" in here:
        return Packaging.UV, ("pyproject.toml", "uv.lock"), _locked(here["uv.lock"])
    if "poetry.lock" in here and "pyproject.toml" in here:
        return Packaging.POETRY, ("pyproject.toml", "poetry.lock"), _locked(here["poetry.lock"])
    if "Pipfile.lock" in here:
        return Packaging.PIPENV, ("Pipfile", "Pipfile.lock"), _pipenv(here["Pipfile.lock"])
    for name in REQUIREMENTS:
        if name in here:
            files = _included(here, name)
            return Packaging.REQUIREMENTS, tuple(files), [item for file in files for item in _required(here[file])]
    if "dependencies" in project.get("project", {}):
        names = [_name(item) for item in project["project"]["dependencies"]]
        return Packaging.PYPROJECT, ("pyproject.toml",), names
    return None


def _included(here: Mapping[str, str], name: str) -> list[str]:
    """Return a requirements file and those that it includes."""
    files, waiting = [], [name]
    while waiting:
        current = waiting.pop(0)
        if current in here and current not in files:
            files.append(current)
            found = re.findall(r"^\s*(?:-r|-c|--requirement|--constraint)[ =]\s*(\S+)", here[current], re.MULTILINE)
            waiting += [posixpath.normpath(posixpath.join(posixpath.dirname(current), other)) for other in found]
    return files


def _required(text: str) -> list[str]:
    lines = (line.strip() for line in text.splitlines())
    return [_name(line) for line in lines if line and line[0].isalnum()]


def _name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement.strip())
    return found[0] if found else ""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _locked(text: str) -> list[str]:
    return [str(package.get("name", "")) for package in _toml(text).get("package", [])]


def _pipenv(text: str) -> list[str]:
    try:
        return list(json.loads(text).get("default", {}))
    except ValueError:
        return []


def _poetry(project: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = project.get("tool", {}).get("poetry", {}).get("dependencies", {})
    return found


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return {}


def _fits(python: str, bounds: str) -> bool:
    return all(_fits_one(python, bound.strip()) for bound in bounds.split(",") if bound.strip())


def _fits_one(python: str, bound: str) -> bool:
    found = re.fullmatch(r"(>=|<=|==|!=|~=|>|<|\^|~)?\s*(\d+)(?:\.(\d+))?(?:\.(\d+|\*))?(?:\.\*)?", bound)
    if not found:
        return True
    have = tuple(int(part) for part in python.split("."))
    minor = int(found[3]) if found[3] else None
    wanted = (int(found[2]), minor or 0)
    # The image has the newest patch release of its minor version: "<3.13.1" leaves 3.13 out, "<=3.13" does not.
    checks = {
        ">=": have >= wanted,
        "^": have >= wanted and have[0] == wanted[0],
        ">": have > wanted or (have == wanted and found[4] is not None),
        "<=": have <= wanted,
        "<": have < wanted,
        "!=": have != wanted,
        "~": have == wanted,
        "~=": have == wanted if found[4] else have >= wanted and have[0] == wanted[0],
        "==": have == wanted if minor is not None else have[0] == wanted[0],
    }
    return checks[found[1] or "=="]
