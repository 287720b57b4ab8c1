"""The structure that the code keeps: sizes, and the one direction of imports."""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE_LINES = 400
FUNCTION_LINES = 50
FORBIDDEN_NAMES = {"utils", "helpers", "manager", "common", "base", "misc"}
# Django looks for a database backend under this name.
GIVEN_NAMES = {ROOT / "service/harbour/postgresql/base.py"}

# A module may import from its own layer and from those after it.
CLIENT_LAYERS = [
    {"cli"},
    {"trial"},
    {"rehearsal"},
    {"cleanup", "deploy", "terminal", "server", "project", "spectator", "workflows", "outside", "retained", "checks"},
    {"watch"},
    {"destination"},
    {"testing"},
    {"link", "image", "github"},
    {"config"},
    {"docker_command", "events", "interruption", "caller"},
    {"errors"},
]
AGENT_LAYERS = [
    {"__main__"},
    {"testing"},
    {"daemon", "relay", "install"},
    {"callers", "requests"},
    {"doctor"},
    {"outbox", "transaction", "schedules"},
    {"database", "edge", "volumes"},
    {"containers", "probe", "resources"},
    {"engine", "manifest"},
    {"ledger"},
    {"protocol", "secrets_file", "systemd", "clock", "openssl", "logins", "cron"},
    {"errors"},
]
# `--to rehearsal` is resolved where destinations are; the import is made when it is asked for.
KNOWN_UPWARD = {("destination", "rehearsal")}


def tracked_modules() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [ROOT / name for name in names.splitlines() if (ROOT / name).exists()]


@pytest.mark.parametrize("path", tracked_modules(), ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_and_its_functions_stay_within_the_walls(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= MODULE_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < FUNCTION_LINES, node.name


def test_no_module_has_a_name_that_says_nothing() -> None:
    named = [path for path in tracked_modules() if path.stem in FORBIDDEN_NAMES]
    assert set(named) <= GIVEN_NAMES


def test_every_module_opens_with_what_it_is_responsible_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in tracked_modules()
        if path.is_relative_to(ROOT / "src") and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def imports_of(path: Path, package: str) -> set[str]:
    """The parts of `package` that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [node.module] if node.module != package else [f"{package}.{alias.name}" for alias in node.names]
        found |= {name.split(".")[1] for name in names if name.startswith(f"{package}.")}
    return found


def layer_of(part: str, layers: list[set[str]]) -> int | None:
    return next((number for number, layer in enumerate(layers) if part in layer), None)


@pytest.mark.parametrize(("package", "layers"), [("ferryman", CLIENT_LAYERS), ("ferryman_agent", AGENT_LAYERS)])
def test_imports_go_one_way(package: str, layers: list[set[str]]) -> None:
    folder = ROOT / "src" / package
    wrong = []
    for path in folder.rglob("*.py"):
        part = path.relative_to(folder).parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        own = layer_of(part, layers)
        assert own is not None, f"{part} has no layer: add it to this test where it belongs"
        for imported in imports_of(path, package) - {part, "__version__"}:
            other = layer_of(imported, layers)
            assert other is not None, f"{imported} has no layer"
            if other < own and (part, imported) not in KNOWN_UPWARD:
                wrong.append(f"{path.relative_to(ROOT)} imports {imported}")
    assert wrong == []


@pytest.mark.parametrize(
    ("package", "strangers"),
    [("src/ferryman_agent", ("ferryman", "service")), ("service", ("ferryman", "ferryman_agent"))],
)
def test_the_three_programs_do_not_import_each_other(package: str, strangers: tuple[str, ...]) -> None:
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [node.module or ""]
            assert not [name for name in names if name.split(".")[0] in strangers], path


DOCKER = ROOT / "src/ferryman_agent/engine/docker"
# They go with engine/docker/old.py: whoever removes that file empties this set.
STILL_IN_DOCKERS_WORDS = {"containers.py", "engine/port.py", "testing/old.py", "transaction"}
DOCKERS_KEY = re.compile(r"[A-Z][A-Za-z]+")


def json_keys(path: Path) -> set[str]:
    """What a module takes for a key in Docker's way of writing: of a dictionary, in brackets, in a `get`."""
    found: set[object] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Dict):
            found |= {key.value for key in node.keys if isinstance(key, ast.Constant)}
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
            found.add(node.slice.value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
            found |= {argument.value for argument in node.args[:1] if isinstance(argument, ast.Constant)}
    return {key for key in found if isinstance(key, str) and DOCKERS_KEY.fullmatch(key)}


def test_dockers_json_is_read_and_written_behind_the_engines_port_alone() -> None:
    keys = set().union(*(json_keys(path) for path in DOCKER.glob("*.py")))
    assert {"HostConfig", "NetworkSettings", "RestartPolicy", "RepoDigests", "Mountpoint", "ExitCode"} <= keys
    package = ROOT / "src/ferryman_agent"
    modules = [path for path in package.rglob("*.py") if not path.is_relative_to(DOCKER)]
    reading = {path.relative_to(package): found for path in modules if (found := json_keys(path) & keys)}
    left = {path: found for path, found in reading.items() if not _is_allowed(path)}
    assert left == {}


def _is_allowed(path: Path) -> bool:
    return bool({str(path), path.parts[0]} & STILL_IN_DOCKERS_WORDS)
