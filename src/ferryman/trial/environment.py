"""A Python environment with the app's own dependencies, in which its linters, migrations and tests run."""

from __future__ import annotations

import json
import os
import posixpath
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from ferryman.config import Configuration
from ferryman.errors import UsageError
from ferryman.packaging.dependencies import find_dependencies
from ferryman.packaging.stated import Dependencies, Packaging
from ferryman.project.dockerfile import NEWEST
from ferryman.project.settings import settings_module
from ferryman.project.tree import read_tree
from ferryman.trial.tools import find_tool, output

FOLDER = Path(".ferryman", "tests")
SETTINGS = "DJANGO_SETTINGS_MODULE"
TEST_CONFIGURATIONS = ("pytest.ini", "pyproject.toml", "tox.ini", "setup.cfg")
DRIVERS = {"psycopg", "psycopg-binary", "psycopg2", "psycopg2-binary"}


@dataclass(frozen=True)
class TestEnvironment:
    """The environment, and the folder of manage.py in which commands run."""

    __test__ = False

    folder: Path
    python: Path
    variables: Mapping[str, str]

    @property
    def bin(self) -> Path:
        """The folder of its programs."""
        return self.python.parent

    def with_variables(self, more: Mapping[str, str]) -> dict[str, str]:
        """What a command in it finds in its environment; what the caller has set wins."""
        path = os.pathsep.join((str(self.bin), os.environ.get("PATH", "")))
        given = {name: os.environ.get(name, value) for name, value in {**self.variables, **more}.items()}
        return {**given, "PATH": path, "VIRTUAL_ENV": str(self.bin.parent)}


def source_folder(configuration: Configuration) -> Path:
    """The folder of manage.py and the tests. UsageError `no-manage-py` when it has none."""
    folder = configuration.root / (configuration.pipeline.source or configuration.app.context)
    if not (folder / "manage.py").is_file():
        raise UsageError(
            "no-manage-py",
            f"{folder} has no manage.py",
            hint="name its folder in ferryman.toml: [pipeline] source",
        )
    return folder


def make_environment(configuration: Configuration) -> TestEnvironment:
    """Make the environment, or bring the one that is there up to date.

    1. A virtual environment with the Python that [pipeline] names. 2. pytest and its plugins, at locked versions.
    3. The app's dependencies, so that its own choice of a version wins.
    """
    folder, uv = source_folder(configuration), find_tool("uv")
    home = configuration.root / FOLDER / "venv"
    asked = configuration.pipeline.python
    output([uv, "venv", "--quiet", "--allow-existing", "--python", asked, str(home)], folder=configuration.root)
    python = home / "bin" / "python"
    install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    with as_file(files("ferryman.github.workflows").joinpath("locks", "tests.txt")) as lock:
        output([*install, "--require-hashes", "--requirement", str(lock)], folder=configuration.root)
    with tempfile.TemporaryDirectory(prefix="ferryman-") as scratch:
        for words in _wanted(configuration, folder, Path(scratch)):
            output([*install, *words], folder=configuration.root)
    return TestEnvironment(folder, python, _variables(configuration, folder))


def locked_requirements(configuration: Configuration, scratch: Path) -> list[Path]:
    """Files in pip's form with the versions that the image gets; empty when the project locks none."""
    if configuration.pipeline.requirements:
        return [configuration.root / path for path in configuration.pipeline.requirements]
    found = _dependencies(configuration, source_folder(configuration))
    folder = configuration.root / found.folder
    if found.packaging is Packaging.REQUIREMENTS:
        return [folder / found.files[0]]
    target = scratch / "locked.txt"
    if found.packaging is Packaging.UV:
        options = ["--frozen", "--no-emit-project", "--all-groups", "--quiet", "--output-file", str(target)]
        output([find_tool("uv"), "export", *options], folder=folder)
        return [target]
    if found.packaging is Packaging.PIPENV:
        target.write_text(_from_pipfile(json.loads((folder / "Pipfile.lock").read_text(encoding="utf-8"))))
        return [target]
    if found.packaging is Packaging.POETRY:
        target.write_text(_from_poetry(tomllib.loads((folder / "poetry.lock").read_text(encoding="utf-8"))))
        return [target]
    return []


def _wanted(configuration: Configuration, folder: Path, scratch: Path) -> list[list[str]]:
    words = [word for path in locked_requirements(configuration, scratch) for word in ("--requirement", str(path))]
    found = _dependencies(configuration, folder)
    if not words and found.packaging is Packaging.PYPROJECT:
        words = ["--requirement", str(configuration.root / found.folder / "pyproject.toml")]
    calls = [words] if words else []
    if configuration.database and not configuration.pipeline.requirements and not found.names & DRIVERS:
        calls.append([NEWEST["psycopg"]])  # as the Dockerfile of `init` has it
    more = configuration.pipeline.test_requirements
    return calls + [["--requirement", str(configuration.root / path)] for path in more]


def _dependencies(configuration: Configuration, folder: Path) -> Dependencies:
    inner = folder.relative_to(configuration.root).as_posix()
    parents = [inner if inner != "." else ""]
    while parents[-1]:
        parents.append(posixpath.dirname(parents[-1]))
    return find_dependencies(read_tree(configuration.root), parents)


def _variables(configuration: Configuration, folder: Path) -> dict[str, str]:
    app = configuration.app
    variables = dict.fromkeys(app.env.required, "unset") | app.env.values
    variables |= {"SECRET_KEY": "only-for-the-tests-" + "0123456789" * 4}
    texts = (folder / name for name in TEST_CONFIGURATIONS)
    if not any(SETTINGS in text.read_text(encoding="utf-8", errors="replace") for text in texts if text.is_file()):
        variables[SETTINGS] = settings_module((folder / "manage.py").read_text(encoding="utf-8"))
    return variables


def _from_pipfile(lock: Mapping[str, Any]) -> str:
    packages = {**lock.get("default", {}), **lock.get("develop", {})}
    return "".join(
        _line(f"{name}{item['version']}", item.get("markers", ""), item.get("hashes", []))
        for name, item in packages.items()
        if "version" in item
    )


def _from_poetry(lock: Mapping[str, Any]) -> str:
    return "".join(
        _line(f"{item['name']}=={item['version']}", _marker(item), [file["hash"] for file in item.get("files", [])])
        for item in lock.get("package", [])
    )


def _marker(item: Mapping[str, Any]) -> str:
    markers = item.get("markers", "")
    return " or ".join(f"({text})" for text in markers.values()) if isinstance(markers, dict) else str(markers)


def _line(pin: str, marker: str, hashes: list[str]) -> str:
    return " \\\n    ".join([f"{pin} ; {marker}" if marker else pin, *(f"--hash={value}" for value in hashes)]) + "\n"
