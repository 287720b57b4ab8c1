"""Reads lock files: which packages an installation of production's parts brings, and the same as pip's requirements."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ferryman.packaging.stated import Dependencies, Packaging, normal, read_toml

INCLUDE = re.compile(r"\s*(-r|-c|--requirement|--constraint)[ =]?\s*\S")


def requirement_words(folder: Path, found: Dependencies, target: Path) -> list[str]:
    """What `uv pip install` is told to install production's packages; a lock is written to `target` in pip's form."""
    if found.packaging is Packaging.POETRY:
        target.write_text(from_poetry((folder / "poetry.lock").read_text(encoding="utf-8"), found.groups))
    elif found.packaging is Packaging.PIPENV:
        target.write_text(from_pipfile((folder / "Pipfile.lock").read_text(encoding="utf-8"), ("default",)))
    else:
        words = ["--requirement", str(folder / found.files[0])]
        return [*words, *(word for extra in found.extras for word in ("--extra", extra))]
    return ["--requirement", str(target)]


def loosened(text: str) -> str:
    """pip's requirements with the index's package in the place of one from Git, without includes and quoted words."""
    lines = [line for line in re.sub(r"\\\r?\n", " ", text).splitlines() if not INCLUDE.match(line)]
    return "".join(f"{_loose(line.strip())}\n" for line in lines)


def _loose(line: str) -> str:
    named = re.match(r"([A-Za-z0-9._-]+(?:\[[^\]]*\])?)\s*@\s*git\+\S+(\s*;.*)?", line)
    egg = re.search(r"git\+\S+[#&]egg=([A-Za-z0-9._-]+)", line)
    if named:
        return named[1] + (named[2] or "")
    if egg:
        return egg[1]
    line = re.sub(r"\s+--hash=\S+", "", line)
    return re.sub(r"""^(-e|--editable)[ =]\s*["']([^"']+)["']""", r"\1 \2", line)


def from_pipfile(text: str, sections: Iterable[str]) -> str:
    """The packages of a Pipfile.lock's sections."""
    lock = json.loads(text)
    packages = {name: item for section in sections for name, item in lock.get(section, {}).items()}
    return "".join(_of_pipenv(name, item) for name, item in packages.items())


def from_poetry(text: str, groups: Iterable[str] | None, *, with_optional: bool = False) -> str:
    """The packages of a poetry.lock that production and these groups need, None: all groups.

    Optional packages belong to extras and to groups that are off by default. An older lock does not tell groups.
    """
    return "".join(_of_poetry(item) for item in _poetry_packages(text, groups, with_optional=with_optional))


def has_optional_parts(project: Mapping[str, Any], names: Collection[str]) -> bool:
    """Whether Poetry's optional packages have such a name: of an extra, or of a group that is off by default."""
    poetry = project.get("tool", {}).get("poetry", {})
    extras = {*poetry.get("extras", {}), *project.get("project", {}).get("optional-dependencies", {})}
    groups = {name for name, group in poetry.get("group", {}).items() if group.get("optional", False)}
    return bool((extras | groups) & set(names))


def _poetry_packages(text: str, groups: Iterable[str] | None, *, with_optional: bool) -> list[Mapping[str, Any]]:
    wanted = None if groups is None else {"main", *groups}
    packages = [item for item in read_toml(text).get("package", []) if with_optional or not item.get("optional")]
    return [item for item in packages if wanted is None or wanted & set(item.get("groups", ["main"]))]


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


def uv_names(text: str, project: str, extras: Iterable[str], groups: Iterable[str]) -> list[str]:
    """The packages of a uv.lock that a project needs with these extras and groups; all where it is not in the lock."""
    packages = {str(item.get("name", "")): item for item in read_toml(text).get("package", [])}
    start = packages.get(normal(project))
    if start is None:
        return list(packages)
    waiting = [str(need.get("name", "")) for need in _needs(start, extras, groups)]
    found: dict[str, None] = {}
    while waiting:
        name = waiting.pop()
        if name in packages and name not in found:
            found[name] = None
            waiting += [str(need.get("name", "")) for need in _needs(packages[name], _asked_extras(packages, name), ())]
    return list(found)


def _needs(item: Mapping[str, Any], extras: Iterable[str], groups: Iterable[str]) -> list[Mapping[str, Any]]:
    found = list(item.get("dependencies", []))
    for section, names in (("optional-dependencies", extras), ("dev-dependencies", groups)):
        found += [need for name in names for need in item.get(section, {}).get(name, [])]
    return found


def _asked_extras(packages: Mapping[str, Any], name: str) -> list[str]:
    """The extras of a package that anything in the lock asks for."""
    needs = (need for item in packages.values() for need in item.get("dependencies", []))
    return [extra for need in needs if need.get("name") == name for extra in need.get("extra", [])]


def poetry_names(text: str, groups: Iterable[str]) -> list[str]:
    """The packages of a poetry.lock that production and these groups need."""
    return [str(item.get("name", "")) for item in _poetry_packages(text, groups, with_optional=False)]
