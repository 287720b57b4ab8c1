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
GIVEN_NAMES = {ROOT / "service/ground/postgresql/base.py"}

MODULES_IN_A_FOLDER = 12
# A folder with one module for each command, or subject, is found by its names, however many there are.
BY_NAME = {ROOT / "src/ferryman/cli", ROOT / "src/ferryman_agent/requests"}

# A module may import from its own layer and from those after it.
CLIENT_LAYERS = [
    {"cli"},
    {"new"},
    {"checks", "cleanup", "environments", "github", "project", "rehearsal"}
    | {"server", "shipping", "terminal", "trial", "watching"},
    {"destination", "testing", "survey"},
    {"link", "image", "git", "packaging"},
    {"config"},
    {"ahead", "docker_command", "events", "process"},
    {"errors"},
]
AGENT_LAYERS = [
    {"__main__"},
    {"testing"},
    {"daemon", "relay", "install"},
    {"requests"},
    {"doctor"},
    {"schedules"},
    {"transaction"},
    {"outbox", "host"},
    {"database", "edge", "volumes"},
    {"containers", "probe", "resources"},
    {"engine", "manifest"},
    {"ledger"},
    {"duties", "reports"},
    {"protocol", "secrets_file", "clock", "openssl", "logins", "cron"},
    {"errors"},
]
# What the client takes of the agent's package, and nothing else: the parser that both must agree on, and the package
# itself, which goes into the wheel of a project's workflows.
SHARED_WITH_THE_AGENT = {
    ("src/ferryman/config/fields.py", "ferryman_agent.cron"),
    ("src/ferryman/github/workflows/wheel.py", "ferryman_agent"),
}
# Folder that module names start at, and the packages of one program in it.
PROGRAMS = {program: (ROOT / "src", (program,)) for program in ("ferryman", "ferryman_agent")}


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


def test_a_folder_has_few_modules() -> None:
    folders = {path.parent for path in tracked_modules() if path.is_relative_to(ROOT / "src")} - BY_NAME
    count = {folder: len([path for path in folder.glob("*.py") if path.stem != "__init__"]) for folder in folders}
    assert {str(folder): number for folder, number in count.items() if number > MODULES_IN_A_FOLDER} == {}


Graph = dict[str, set[str]]


def import_graph(root: Path, packages: tuple[str, ...]) -> Graph:
    """Module → the modules of the same program that it names in an import, wherever in it."""
    paths = [path for package in packages for path in (root / package).rglob("*.py")]
    modules = {".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    graph = {}
    for name, path in modules.items():
        package = name if path.stem == "__init__" else name.rpartition(".")[0]
        imported = {name for node in ast.walk(ast.parse(path.read_text())) for name in imported_names(node, package)}
        graph[name] = {found for other in imported if (found := module_of(other, modules)) and found != name}
    return graph


def imported_names(node: ast.AST, package: str) -> list[str]:
    """The full names in an import; relative ones start at the package that the module is in."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if not isinstance(node, ast.ImportFrom):
        return []
    above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    start = ".".join([*above, *([node.module] if node.module else [])])
    return [f"{start}.{alias.name}" for alias in node.names]


def module_of(name: str, modules: dict[str, Path]) -> str | None:
    """The module that a name is, or is in."""
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or None


def between_children(graph: Graph, folder: str) -> Graph:
    """The same between what is directly in a folder, modules and packages; "" is the folder of the packages."""
    prefix = f"{folder}." if folder else ""

    def child(name: str) -> str | None:
        return name.removeprefix(prefix).partition(".")[0] if name.startswith(prefix) else None

    found: Graph = {}
    for name, imported in graph.items():
        own = child(name)
        if own is not None:
            found.setdefault(own, set()).update(c for c in map(child, imported) if c is not None and c != own)
    return found


def circle(graph: Graph) -> list[str]:
    """One way back to where it began; [] where there is none."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        found = next((f for other in sorted(graph.get(name, ())) if (f := walk(other, [*way, name]))), [])
        done.add(name)
        return found

    return next((found for name in sorted(graph) if (found := walk(name, []))), [])


@pytest.mark.parametrize("program", PROGRAMS)
def test_no_import_leads_back_to_where_it_began(program: str) -> None:
    graph = import_graph(*PROGRAMS[program])
    assert circle(graph) == []
    folders = {""} | {name.rpartition(".")[0] for name in graph}
    circles = {folder: circle(between_children(graph, folder)) for folder in folders}
    assert {folder: found for folder, found in circles.items() if found} == {}


def test_a_circle_is_found_between_files_and_between_packages() -> None:
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == ["b", "c", "b"]
    graph: Graph = {"p.a.one": {"p.b.one"}, "p.b.two": {"p.a.two"}, "p.b.one": set(), "p.a.two": set()}
    assert circle(graph) == []
    assert circle(between_children(graph, "p")) == ["a", "b", "a"]
    node = ast.parse("from ..b import one").body[0]
    assert imported_names(node, "p.a") == ["p.b.one"]


def test_client_and_agent_share_no_more_than_they_must() -> None:
    shared = {
        (str(path.relative_to(ROOT)), name if name == "ferryman_agent" else name.rpartition(".")[0])
        for path in (ROOT / "src/ferryman").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in imported_names(node, "")
        if name.split(".")[0] == "ferryman_agent"
    }
    assert shared == SHARED_WITH_THE_AGENT


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
            if other < own:
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
    assert reading == {}
