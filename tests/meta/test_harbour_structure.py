"""The structure that Harbour keeps: one direction of imports, no circle, few modules in a folder."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

SERVICE = Path(__file__).resolve().parents[2] / "service"
# A room may import from itself and from the rooms after it; rooms that stand side by side don't know each other.
FLOORS = [{"harbour"}, {"api", "pages"}, {"access"}, {"fleet"}, {"ground"}]
ROOMS = set().union(*FLOORS)
MODULES_IN_A_FOLDER = 12
CROWDED = {"tests", "migrations"}
DOTTED = re.compile(r"[a-z_]+(\.\w+)+")


def modules() -> dict[str, Path]:
    """Harbour's modules by their names, without its tests and its migrations."""
    found = {}
    for room in ROOMS:
        for path in (SERVICE / room).rglob("*.py"):
            parts = path.relative_to(SERVICE).with_suffix("").parts
            if not CROWDED & set(parts):
                found[".".join(part for part in parts if part != "__init__")] = path
    return found


MODULES = modules()


def imported(path: Path) -> Iterator[str]:
    """The modules of Harbour that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in MODULES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield from (name for name in [whole if whole in MODULES else str(node.module)] if name in MODULES)


def named(path: Path) -> Iterator[str]:
    """The modules of Harbour that a module names in a text, as settings and addresses do."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and DOTTED.fullmatch(node.value):
            text = node.value
            while text and text not in MODULES:
                text = text.rpartition(".")[0]
            if "." in text:
                yield text


def floor(module: str) -> int:
    room = module.split(".", maxsplit=1)[0]
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def test_every_room_of_harbour_stands_on_a_floor() -> None:
    packages = {path.parent.name for path in SERVICE.glob("*/__init__.py")}
    assert packages - {"tests", "harbour_client"} == ROOMS


def test_harbours_rooms_know_only_those_below_them() -> None:
    wrong = []
    for name, path in MODULES.items():
        for other in {*imported(path), *named(path)}:
            is_upward = floor(other) < floor(name)
            is_beside = floor(other) == floor(name) and other.split(".")[0] != name.split(".")[0]
            if is_upward or is_beside:
                wrong.append(f"{name} knows {other}")
    assert wrong == []


def circle(graph: dict[str, set[str]]) -> list[str]:
    """The names of one circle, [] when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_files_of_harbour_import_each_other_in_a_circle() -> None:
    assert circle({name: set(imported(path)) for name, path in MODULES.items()}) == []


def test_no_packages_of_harbour_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {}
    for path in MODULES.values():
        folder = str(path.parent.relative_to(SERVICE))
        others = {str(MODULES[name].parent.relative_to(SERVICE)) for name in imported(path)}
        graph.setdefault(folder, set()).update(others - {folder})
    assert circle(graph) == []


def test_no_folder_of_harbour_has_more_modules_than_a_reader_takes_in() -> None:
    folders = {path.parent for path in SERVICE.rglob("*.py")} - {SERVICE}
    counts = {
        str(folder.relative_to(SERVICE)): len([path for path in folder.glob("*.py") if path.name != "__init__.py"])
        for folder in folders
        if not CROWDED & set(folder.relative_to(SERVICE).parts)
    }
    assert {folder: count for folder, count in counts.items() if count > MODULES_IN_A_FOLDER} == {}
    assert len(counts) > len(ROOMS)


def test_the_client_of_harbour_imports_nothing_of_it() -> None:
    client = [*(SERVICE / "harbour_client").glob("*.py")]
    assert client
    assert [path for path in client if set(imported(path))] == []
