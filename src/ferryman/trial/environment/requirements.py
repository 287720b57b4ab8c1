"""Finds what a project's environment is made of: its own dependencies, and what its tests need beyond them."""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ferryman.config import Configuration
from ferryman.packaging.dependencies import find_dependencies
from ferryman.packaging.locks import from_pipfile, from_poetry, has_optional_parts
from ferryman.packaging.stated import Dependencies, Packaging
from ferryman.project.dockerfile import NEWEST
from ferryman.trial.tools import find_tool, output

DRIVERS = {"psycopg", "psycopg-binary", "psycopg2", "psycopg2-binary"}
# Of several files the first kind that is there is taken: who keeps test.txt means it to be enough for the tests.
FILE_KINDS = (("test", "tests", "testing", "ci"), ("dev", "devel", "develop", "development"), ("local",))
TEST_NAMES = (*FILE_KINDS[0], *FILE_KINDS[1])
INCLUDE = re.compile(r"\s*(?:-r|--requirement)[ =]\s*(\S+)")
NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


@dataclass(frozen=True)
class Requirements:
    """The words of each call of `uv pip install`, and the names of the packages in them (normal form)."""

    calls: tuple[tuple[str, ...], ...] = ()
    names: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Tree:
    """A project's telling files, and the folders from that of manage.py up to the root, "" being the root."""

    root: Path
    texts: Mapping[str, str]
    folders: tuple[str, ...]


def find_requirements(configuration: Configuration, tree: Tree, scratch: Path) -> Requirements:
    """Find them; `[pipeline] requirements` and `test_requirements` win over what is found."""
    pipeline, found = configuration.pipeline, find_dependencies(tree.texts, tree.folders)
    names: set[str] = set()
    calls: list[tuple[str, ...]] = []

    def add(words: Sequence[str], more: set[str]) -> None:
        if words:
            calls.append(tuple(words))
        names.update(more)

    locked = locked_requirements(configuration, tree, found, scratch)
    add(_as_words(locked), {name for path in locked for name in names_in(path)})
    if not pipeline.requirements:
        if not locked:
            add(*_from_pyproject(tree, found))
        if found.packaging is Packaging.NONE:
            add(["django"], {"django"})  # a project that says nothing of what it needs, needs this
        if configuration.database and not (names | found.names) & DRIVERS:
            add([NEWEST["psycopg"]], set())  # as the Dockerfile of `init` has it
    if pipeline.test_requirements:
        add(_as_words(files := [tree.root / path for path in pipeline.test_requirements]), _names(files))
    elif not pipeline.requirements:
        add(_as_words(files := [tree.root / path for path in _test_files(tree, found)]), _names(files))
        if found.packaging is Packaging.REQUIREMENTS:
            add(*_from_pyproject(tree, found, scratch=scratch))
    return Requirements(tuple(calls), frozenset(names | found.names))


def locked_requirements(configuration: Configuration, tree: Tree, found: Dependencies, scratch: Path) -> list[Path]:
    """Files in pip's form with the versions that the image gets, groups included; empty when the project locks none."""
    if configuration.pipeline.requirements:
        return [tree.root / path for path in configuration.pipeline.requirements]
    folder, target = tree.root / found.folder, scratch / "locked.txt"
    if found.packaging is Packaging.REQUIREMENTS:
        return [folder / found.files[0]]
    project = _pyproject(tree, found.folder)
    if found.packaging is Packaging.UV:
        options = ["--frozen", "--no-emit-project", "--quiet", "--output-file", str(target), *_uv_parts(project)]
        output([find_tool("uv"), "export", *options], folder=folder)
        return [target]
    if found.packaging is Packaging.PIPENV:
        target.write_text(
            from_pipfile((folder / "Pipfile.lock").read_text(encoding="utf-8"), ("default", "develop")),
            encoding="utf-8",
        )
        return [target]
    if found.packaging is Packaging.POETRY:
        is_wanted = has_optional_parts(project, TEST_NAMES)
        lock = (folder / "poetry.lock").read_text(encoding="utf-8")
        target.write_text(from_poetry(lock, None, with_optional=is_wanted), encoding="utf-8")
        return [target]
    return []


def names_in(path: Path) -> set[str]:
    """The packages that a file in pip's form names, and those of the files that it includes."""
    names: set[str] = set()
    waiting, seen = [path], set()
    while waiting:
        current = waiting.pop()
        if current in seen or not current.is_file():
            continue
        seen.add(current)
        for line in current.read_text(encoding="utf-8-sig", errors="replace").splitlines():
            included, named = INCLUDE.match(line), NAME.match(line)
            if included:
                waiting.append(current.parent / included[1])
            elif named and not line[0].isspace():
                names.add(_normal(named[1]))
    return names


def _from_pyproject(tree: Tree, found: Dependencies, *, scratch: Path | None = None) -> tuple[list[str], set[str]]:
    """Its dependencies, and its groups and extras for tests. With `scratch`: beside requirements files, these alone."""
    folder = found.folder if found.packaging is not Packaging.NONE else tree.folders[0]
    project, path = _pyproject(tree, folder), str(tree.root / folder / "pyproject.toml")
    groups, extras = _groups(project), _extras(project)
    named = [item for name in groups for item in project["dependency-groups"][name] if isinstance(item, str)]
    optional = project.get("project", {}).get("optional-dependencies", {})
    own = _normal(str(project.get("project", {}).get("name", "")))
    wanted = [item for name in extras for item in optional[name] if _first_name(item) != own]
    words = [word for name in groups for word in ("--group", f"{path}:{name}")]
    if scratch is None:
        if found.packaging is not Packaging.PYPROJECT:
            return words, _first_names(named)
        words = ["--requirement", path, *(word for name in extras for word in ("--extra", name)), *words]
    elif wanted:
        listed = scratch / "extras.txt"
        listed.write_text("".join(f"{item}\n" for item in wanted), encoding="utf-8")
        words += ["--requirement", str(listed)]
    return words, _first_names([*named, *wanted])


def _test_files(tree: Tree, found: Dependencies) -> list[str]:
    """Requirements files for tests, by their names, in the folders of the project and in their `requirements`."""
    places = {place for folder in tree.folders for place in (folder, posixpath.join(folder, "requirements"))}
    main = {posixpath.join(found.folder, name) for name in found.files}
    files = [path for path in sorted(tree.texts) if posixpath.dirname(path) in places and path.endswith(".txt")]
    for kind in FILE_KINDS:
        named = [path for path in files if path not in main and _tokens(path) & set(kind)]
        if named and found.packaging in (Packaging.REQUIREMENTS, Packaging.PYPROJECT, Packaging.NONE):
            return named
    return []


def _tokens(path: str) -> set[str]:
    stem = posixpath.splitext(posixpath.basename(path))[0].lower()
    return set(re.split(r"[^a-z]+", stem))


def _uv_parts(project: Mapping[str, Any]) -> list[str]:
    extras = [word for name in _extras(project) for word in ("--extra", name)]
    if project.get("tool", {}).get("uv", {}).get("conflicts"):
        return [*extras, *(word for name in _groups(project) for word in ("--group", name))]
    return [*extras, "--all-groups"]


def _groups(project: Mapping[str, Any]) -> list[str]:
    return [name for name in project.get("dependency-groups", {}) if _tokens(name) & set(TEST_NAMES)]


def _extras(project: Mapping[str, Any]) -> list[str]:
    optional = project.get("project", {}).get("optional-dependencies", {})
    return [name for name in optional if _tokens(name) & set(TEST_NAMES)]


def _pyproject(tree: Tree, folder: str) -> dict[str, Any]:
    try:
        return tomllib.loads(tree.texts.get(posixpath.join(folder, "pyproject.toml"), ""))
    except tomllib.TOMLDecodeError:
        return {}


def _as_words(files: Sequence[Path]) -> list[str]:
    return [word for path in files for word in ("--requirement", str(path))]


def _names(files: Sequence[Path]) -> set[str]:
    return {name for path in files for name in names_in(path)}


def _first_names(items: Sequence[str]) -> set[str]:
    return {_first_name(item) for item in items}


def _first_name(item: str) -> str:
    found = NAME.match(item)
    return _normal(found[1]) if found else ""


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
