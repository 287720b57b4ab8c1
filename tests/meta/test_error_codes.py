"""Every error code that the code can end with is explained in docs/errors.md, and none that is gone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOTS = {"FerrymanError", "AgentError"}
CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
SHELL_CODE = re.compile(r"^\s+fail ([a-z-]+) ", re.MULTILINE)


def error_codes(folder: Path) -> set[str]:
    """All codes in a package's modules and shell scripts.

    A code is what is given to a parameter named `code` (of an error class, or of a function that passes it on), its
    default, or the value under the key "code" of a literal dictionary. A name is followed to its assignments.
    """
    trees = [ast.parse(path.read_text()) for path in folder.rglob("*.py")]
    positions = _positions(trees)
    found: set[str] = set()
    for tree in trees:
        for scope in [tree, *_functions(tree)]:
            found |= {code for node in _own_nodes(scope) for code in _codes(node, scope, positions)}
        found |= set(_codes_of_own_form(tree))
    scripts = "\n".join(path.read_text() for path in folder.rglob("*.sh"))
    return {code for code in found | set(SHELL_CODE.findall(scripts)) if CODE.fullmatch(code)}


def _functions(tree: ast.AST) -> list[ast.FunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def _own_nodes(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without those of the functions in it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, ast.FunctionDef):
            yield from _own_nodes(child)


def _positions(trees: list[ast.Module]) -> dict[str, int]:
    """Callable's name → which of its arguments is the code."""
    classes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    errors = set(ROOTS)
    while more := {c.name for c in classes if errors & {ast.unparse(base) for base in c.bases}} - errors:
        errors |= more
    own_form = {c.name for c in classes if c.name not in ROOTS and _takes_no_code(c)}
    positions = dict.fromkeys(errors - own_form, 0)
    for tree in trees:
        for function in _functions(tree):
            names = [argument.arg for argument in function.args.args if argument.arg != "self"]
            if "code" in names and function.name != "__init__":
                positions[function.name] = names.index("code")
    return positions


def _takes_no_code(node: ast.ClassDef) -> bool:
    makers = [f for f in node.body if isinstance(f, ast.FunctionDef) and f.name == "__init__"]
    return any("code" not in [argument.arg for argument in maker.args.args] for maker in makers)


def _codes_of_own_form(tree: ast.Module) -> Iterator[str]:
    """What error classes with a form of their own pass to their base."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) in ROOTS for base in node.bases):
            for call in ast.walk(node):
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "super().__init__" and call.args:
                    yield from _values(call.args[0], node)


def _codes(node: ast.AST, scope: ast.AST, positions: dict[str, int]) -> Iterator[str]:
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ast.unparse(node.func)
        position = positions.get(name)
        if position is not None and len(node.args) > position:
            yield from _values(node.args[position], scope)
    elif isinstance(node, ast.Dict):
        for key, value in zip(node.keys, node.values, strict=True):
            if isinstance(key, ast.Constant) and key.value == "code":
                yield from _values(value, scope)
    elif isinstance(node, ast.arguments) and node.defaults:
        for argument, default in zip(node.args[-len(node.defaults) :], node.defaults, strict=True):
            if argument.arg == "code":
                yield from _values(default, scope)


def _values(node: ast.expr, scope: ast.AST) -> Iterator[str]:
    """The texts that an expression can have."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from [*_values(node.body, scope), *_values(node.orelse, scope)]
    elif isinstance(node, ast.BoolOp):
        yield from (text for value in node.values for text in _values(value, scope))
    elif isinstance(node, ast.Call) and ast.unparse(node.func) == "str":
        yield from (text for argument in node.args for text in _values(argument, scope))
    elif isinstance(node, ast.Name):
        for other in _own_nodes(scope):
            if isinstance(other, ast.Assign) and any(ast.unparse(target) == node.id for target in other.targets):
                yield from _values(other.value, scope)


def documented_codes() -> set[str]:
    """The codes in the first column of the tables."""
    rows = [row for row in (ROOT / "docs" / "errors.md").read_text().splitlines() if row.startswith("| `")]
    return {code for row in rows for code in re.findall(r"`([a-z0-9-]+)`", row.split("|")[1])}


def test_every_error_code_is_explained_and_none_that_is_gone() -> None:
    used = error_codes(ROOT / "src")
    assert sorted(used - documented_codes()) == []
    assert sorted(documented_codes() - used) == []


def test_codes_are_found_however_they_are_given() -> None:
    used = error_codes(ROOT / "src")
    plain, chosen, default, wire, shell, own_form = (
        "dirty-tree",
        "protocol-broken",
        "configuration-invalid",
        "python-unsupported",
        "sudo-needs-password",
        "docker-failed",
    )
    passed_on = "account-failed"
    assert {plain, chosen, default, wire, shell, own_form, passed_on} <= used
