"""Turns the locks of Poetry and Pipenv into requirements in pip's form, with markers and hashes."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any


def from_pipfile(path: Path) -> str:
    """What a Pipfile.lock pins: its packages, and those for development."""
    lock = json.loads(path.read_text(encoding="utf-8"))
    packages = {**lock.get("default", {}), **lock.get("develop", {})}
    return "".join(_of_pipenv(name, item) for name, item in packages.items())


def from_poetry(path: Path, *, with_optional: bool) -> str:
    """What a poetry.lock pins. Optional packages belong to extras and to groups that are off by default."""
    lock = tomllib.loads(path.read_text(encoding="utf-8"))
    return "".join(
        _of_poetry(item) for item in lock.get("package", []) if with_optional or not item.get("optional", False)
    )


def has_optional_parts(project: Mapping[str, Any], names: Collection[str]) -> bool:
    """Whether Poetry's optional packages have such a name: of an extra, or of a group that is off by default."""
    poetry = project.get("tool", {}).get("poetry", {})
    extras = {*poetry.get("extras", {}), *project.get("project", {}).get("optional-dependencies", {})}
    groups = {name for name, group in poetry.get("group", {}).items() if group.get("optional", False)}
    return bool((extras | groups) & set(names))


def _of_pipenv(name: str, item: Mapping[str, Any]) -> str:
    if "git" in item:
        return _line(f"{name} @ git+{item['git']}@{item.get('ref', 'HEAD')}", item.get("markers", ""), [])
    if "version" not in item:
        return ""
    return _line(f"{name}{item['version']}", item.get("markers", ""), item.get("hashes", []))


def _of_poetry(item: Mapping[str, Any]) -> str:
    source = item.get("source", {})
    if source.get("type") == "git":
        reference = source.get("resolved_reference") or source.get("reference", "HEAD")
        return _line(f"{item['name']} @ git+{source['url']}@{reference}", _marker(item), [])
    if source.get("type") in ("directory", "file"):
        return ""
    return _line(f"{item['name']}=={item['version']}", _marker(item), [file["hash"] for file in item.get("files", [])])


def _marker(item: Mapping[str, Any]) -> str:
    markers = item.get("markers", "")
    return " or ".join(f"({text})" for text in markers.values()) if isinstance(markers, dict) else str(markers)


def _line(pin: str, marker: str, hashes: list[str]) -> str:
    return " \\\n    ".join([f"{pin} ; {marker}" if marker else pin, *(f"--hash={value}" for value in hashes)]) + "\n"
