"""Finds how a project states its dependencies, and which packages they name."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from ferryman.packaging.locks import poetry_names, uv_names
from ferryman.packaging.stated import BOM, Dependencies, Packaging, normal, read_toml

PRODUCTION = frozenset(
    {"prod", "production", "deploy", "deployment", "live", "server", "serve", "wsgi", "asgi", "web"}
    | {"gunicorn", "uvicorn", "postgres", "postgresql", "pg", "psycopg", "db", "database"}
)
REQUIREMENTS = (
    "requirements.txt",
    "requirements/production.txt",
    "requirements/prod.txt",
    "requirements-production.txt",
    "requirements-prod.txt",
    "requirements/base.txt",
    "requirements/requirements.txt",
    "requirements.in",
    "requirements/base.in",
)

# Packages that lie in the repository: a path of requirements.txt, or one in a lock.
LOCAL = re.compile(
    r"""^\s*(-e\s*|--editable[ =])?["']?\.{1,2}(/|\[|["']?\s*(\#.*)?$)|^\s*\S+\s*@\s*file:"""
    r"""|^type = "directory"$|"path": "\.""",
    re.MULTILINE,
)
# Quotes, which pip reads as a shell would, and byte order marks.
PIP_ALONE = re.compile(rf"""^\s*(-e|--editable)[ =]\s*["']|\A{BOM}""", re.MULTILINE)
FROM_GIT = re.compile(r"""\bgit\+(https?|ssh|git)\b|source = \{ git =|^type = "git"$|^\s+"git": """, re.MULTILINE)


def find_dependencies(texts: Mapping[str, str], folders: Iterable[str]) -> Dependencies:
    """Look into the folders in turn; a lock file wins over what it was made from."""
    folders = list(folders)
    for place, folder in enumerate(folders):
        here = _below(texts, folder)
        found = _find(here)
        if found and found.packaging is Packaging.PYPROJECT:
            found, folder = _of_workspace(texts, folders[place:]) or (found, folder)  # noqa: PLW2901 - the lock's
        if found:
            here = _below(texts, folder)
            return replace(
                found,
                folder=folder,
                names=frozenset(normal(name) for name in found.names),
                is_local=_is_local(found, here),
                needs_pip=any(PIP_ALONE.search(here.get(name, "")) for name in found.files),
                needs_git=any(FROM_GIT.search(here.get(name, "")) for name in found.files),
            )
    return Dependencies()


def _is_local(found: Dependencies, here: Mapping[str, str]) -> bool:
    """Whether packages beside the project's own are code of the repository."""
    if found.files[:1] in (("setup.py",), ("setup.cfg",)):
        return True  # it reads other files, such as a README
    if found.packaging is not Packaging.UV:
        return any(LOCAL.search(here.get(name, "")) for name in found.files)
    own = found.member or str(read_toml(here.get("pyproject.toml", "")).get("project", {}).get("name", ""))
    items = read_toml(here["uv.lock"]).get("package", [])
    names = {normal(name) for name in found.names} - {normal(own)}
    return any(
        normal(str(item["name"])) in names and {"editable", "directory"} & set(item["source"])
        for item in items
        if "source" in item
    )


def _below(texts: Mapping[str, str], folder: str) -> dict[str, str]:
    return {posixpath.relpath(path, folder or "."): text for path, text in texts.items() if _is_in(path, folder)}


def _of_workspace(texts: Mapping[str, str], folders: list[str]) -> tuple[Dependencies, str] | None:
    """The first folder's project as a member of a uv workspace around it, and the folder of that."""
    project = read_toml(texts.get(posixpath.join(folders[0], "pyproject.toml"), ""))
    name = str(project.get("project", {}).get("name", ""))
    for folder in folders[1:]:
        lock = texts.get(posixpath.join(folder, "uv.lock"), "")
        if any(normal(str(item.get("name", ""))) == normal(name) for item in read_toml(lock).get("package", [])):
            extras, groups = _for_production(project)
            names = frozenset(uv_names(lock, name, extras, groups)) - {name}
            files = ("pyproject.toml", "uv.lock")
            return Dependencies(Packaging.UV, "", files, names, extras, groups, member=name), folder
    return None


def _is_in(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def _find(here: Mapping[str, str]) -> Dependencies | None:
    project = read_toml(here.get("pyproject.toml", ""))
    extras, groups = _for_production(project)
    if "uv.lock" in here and "pyproject.toml" in here:
        name = str(project.get("project", {}).get("name", ""))
        names = uv_names(here["uv.lock"], name, extras, groups)
        return Dependencies(Packaging.UV, "", ("pyproject.toml", "uv.lock"), frozenset(names), extras, groups)
    if "poetry.lock" in here and "pyproject.toml" in here:
        names = poetry_names(here["poetry.lock"], groups)
        return Dependencies(Packaging.POETRY, "", ("pyproject.toml", "poetry.lock"), frozenset(names), (), groups)
    if "Pipfile.lock" in here:
        return Dependencies(Packaging.PIPENV, "", ("Pipfile", "Pipfile.lock"), frozenset(_pipenv(here["Pipfile.lock"])))
    return _find_unlocked(here, project, extras)


def _find_unlocked(here: Mapping[str, str], project: dict[str, Any], extras: tuple[str, ...]) -> Dependencies | None:
    for name in REQUIREMENTS:
        if name in here:
            files = tuple(_included(here, name))
            names = [item for file in files for item in _required(here[file])]
            return Dependencies(Packaging.REQUIREMENTS, "", files, frozenset(names))
    stated = project.get("project", {})
    if "dependencies" in stated:
        more = [item for extra in extras for item in stated["optional-dependencies"][extra]]
        names = [name for item in (*stated["dependencies"], *more) for name in _names(item)]
        return Dependencies(Packaging.PYPROJECT, "", ("pyproject.toml",), frozenset(names), extras)
    return _of_setup(here)


def _of_setup(here: Mapping[str, str]) -> Dependencies | None:
    """What setup.py or setup.cfg requires; the names are read where they are plain."""
    texts = [here.get(name, "") for name in ("setup.py", "setup.cfg")]
    found = re.search(r"install_requires\s*=\s*(\[[^\]]*\]|(?:\n[ \t]+\S.*)+)", "\n".join(texts))
    if not found:
        return None
    names = [name for word in re.findall(r"[\"'\s]([A-Za-z][\w.-]*(?:\[[^\]]*\])?)", found[1]) for name in _names(word)]
    first = "setup.py" if "setup.py" in here else "setup.cfg"
    return Dependencies(Packaging.PYPROJECT, "", (first,), frozenset(names))


def _for_production(project: dict[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The extras and groups by whose names production is meant: `prod`, `server`, `postgres` and the like."""
    extras = project.get("project", {}).get("optional-dependencies", {})
    return _meant(extras), _meant(groups_of(project))


def groups_of(project: dict[str, Any]) -> list[str]:
    """The dependency groups of a pyproject.toml."""
    return [*project.get("dependency-groups", {}), *project.get("tool", {}).get("poetry", {}).get("group", {})]


def _meant(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if PRODUCTION & set(re.split(r"[^a-z]+", name.lower())))


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
    lines = (line.strip() for line in text.removeprefix(BOM).splitlines())
    return [name for line in lines if line and line[0].isalnum() for name in _names(line)]


def _names(requirement: str) -> list[str]:
    """The package, and what its extra `binary` or `c` brings beside it."""
    found = re.match(r"([A-Za-z0-9._-]+)\s*(?:\[([^\]]*)\])?", requirement.strip())
    if not found:
        return []
    extras = [extra.strip() for extra in (found[2] or "").split(",")]
    return [found[1], *(f"{found[1]}-{extra}" for extra in extras if extra in ("binary", "c"))]


def _pipenv(text: str) -> list[str]:
    try:
        return list(json.loads(text).get("default", {}))
    except ValueError:
        return []
