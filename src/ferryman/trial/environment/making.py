"""A Python environment with the app's own dependencies, in which its linters, migrations and tests run."""

from __future__ import annotations

import os
import posixpath
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path

from ferryman.config import Configuration
from ferryman.errors import UsageError
from ferryman.project.tree import read_tree
from ferryman.trial.environment.interpreter import find_interpreter
from ferryman.trial.environment.placeholders import placeholders, settings_texts
from ferryman.trial.environment.requirements import Requirements, Tree, find_requirements
from ferryman.trial.given import agent_variables
from ferryman.trial.outcomes import CheckFailed
from ferryman.trial.tools import find_tool, output

FOLDER = Path(".ferryman", "tests")
SETTINGS = "DJANGO_SETTINGS_MODULE"
HOSTS = ("localhost",)  # one: however the settings split it
# What the lock has, for a Python that is older than the lock knows.
UNLOCKED = ("pytest", "pytest-cov", "pytest-django", "coverage")


@dataclass(frozen=True)
class TestEnvironment:
    """The environment, and the folder of manage.py in which commands run."""

    __test__ = False

    root: Path
    folder: Path
    python: Path
    variables: Mapping[str, str]
    names: frozenset[str] = frozenset()  # what the project itself requires
    remark: str = ""

    @property
    def bin(self) -> Path:
        """The folder of its programs."""
        return self.python.parent

    def with_variables(self, more: Mapping[str, str]) -> dict[str, str]:
        """What a command in it finds in its environment: `more` first, then what the caller has set."""
        path = os.pathsep.join((str(self.bin), os.environ.get("PATH", "")))
        given = {name: os.environ.get(name, value) for name, value in self.variables.items()}
        return {**given, **more, "PATH": path, "VIRTUAL_ENV": str(self.bin.parent)}


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


def project_tree(configuration: Configuration) -> Tree:
    """The project's telling files, and the folders from that of manage.py up to ferryman.toml's."""
    inner = source_folder(configuration).relative_to(configuration.root).as_posix()
    folders = [inner if inner != "." else ""]
    while folders[-1]:
        folders.append(posixpath.dirname(folders[-1]))
    return Tree(configuration.root, read_tree(configuration.root), tuple(folders))


def make_environment(configuration: Configuration) -> TestEnvironment:
    """Make the environment, or bring the one that is there up to date.

    1. A virtual environment with the Python that the project asks for. 2. pytest and its plugins, at locked versions.
    3. The app's dependencies and those of its tests, so that its own choice of a version wins.
    """
    folder, tree, uv = source_folder(configuration), project_tree(configuration), find_tool("uv")
    interpreter = find_interpreter(uv, configuration, tree.texts, tree.folders)
    python = _virtual_environment(uv, configuration, interpreter.path)
    install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    _install_runners(install, configuration.root)
    with tempfile.TemporaryDirectory(prefix="ferryman-") as scratch:
        requirements: Requirements = find_requirements(configuration, tree, Path(scratch))
        for words in requirements.calls:
            output([*install, *words], folder=configuration.root)
    variables = app_variables(configuration, tree.texts)
    return TestEnvironment(configuration.root, folder, python, variables, requirements.names, interpreter.remark)


def _virtual_environment(uv: str, configuration: Configuration, interpreter: str) -> Path:
    """Make it anew where it has another Python than it shall have."""
    home = configuration.root / FOLDER / "venv"
    python = home / "bin" / "python"
    asked = "import sys; print(sys.version_info[:2])"
    try:
        is_kept = output([str(python), "-c", asked], folder=configuration.root) == output(
            [interpreter, "-c", asked], folder=configuration.root
        )
    except (CheckFailed, OSError):
        is_kept = False
    keep = "--allow-existing" if is_kept else "--clear"
    output([uv, "venv", "--quiet", keep, "--python", interpreter, str(home)], folder=configuration.root)
    return python


def _install_runners(install: list[str], root: Path) -> None:
    with as_file(files("ferryman.github.workflows").joinpath("locks", "tests.txt")) as lock:
        try:
            output([*install, "--require-hashes", "--requirement", str(lock)], folder=root)
        except CheckFailed as failure:
            try:
                output([*install, *UNLOCKED], folder=root)
            except CheckFailed:
                raise failure from None


def app_variables(configuration: Configuration, texts: Mapping[str, str]) -> dict[str, str]:
    """The app's own, and a stand-in for what is required. Production's settings, though, are not those of the tests."""
    app, rehearsal = configuration.app, configuration.rehearsal
    stand_ins = {name: rehearsal.env[name] for name in app.env.required if name in rehearsal.env}
    required = placeholders(app.env.required, settings_texts(texts)) | stand_ins
    variables = agent_variables(app, HOSTS) | required | app.env.values
    variables.pop(SETTINGS, None)
    return variables
