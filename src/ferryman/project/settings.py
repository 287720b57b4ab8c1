"""Reads a Django settings module without running it."""

from __future__ import annotations

import ast
import posixpath
import re
from collections.abc import Iterator, Mapping

from ferryman.project.findings import Settings

# What the agent sets by itself, or Django's own start does.
GIVEN = frozenset({"SECRET_KEY", "DATABASE_URL", "DJANGO_SETTINGS_MODULE"})
READERS = frozenset({"env", "config", "getenv", "get_env_variable"})
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]*")


def settings_module(manage: str) -> str:
    """Return the module that a manage.py sets as DJANGO_SETTINGS_MODULE, or ""."""
    for node in ast.walk(_parsed(manage)):
        if isinstance(node, ast.Call) and len(node.args) == 2:
            name, value = (item.value if isinstance(item, ast.Constant) else None for item in node.args)
            if name == "DJANGO_SETTINGS_MODULE" and isinstance(value, str):
                return value
    return ""


def module_path(texts: Mapping[str, str], folder: str, module: str) -> str:
    """Return the file of a module below a folder, or ""."""
    start = posixpath.join(folder, module.replace(".", "/"))
    return next((path for path in (f"{start}.py", f"{start}/__init__.py") if path in texts), "")


def read_settings(texts: Mapping[str, str], folder: str, module: str) -> Settings:
    """Return what a settings module, and the modules that it takes everything from, say."""
    path = module_path(texts, folder, module)
    trees = [_parsed(texts[name]) for name in _with_star_imports(texts, folder, path)] if path else []
    values = {name: value for tree in trees for name, value in _assignments(tree)}
    source = "\n".join(ast.unparse(tree) for tree in trees)
    hosts = values.get("ALLOWED_HOSTS")
    return Settings(
        module=module,
        path=path,
        root_urlconf=_text(values.get("ROOT_URLCONF")),
        wsgi=_text(values.get("WSGI_APPLICATION")),
        asgi=_text(values.get("ASGI_APPLICATION")),
        static_root=_below_base(values.get("STATIC_ROOT")),
        sets_static_root="STATIC_ROOT" in values,
        uses_staticfiles="django.contrib.staticfiles" in source,
        media_root=_below_base(values.get("MEDIA_ROOT")),
        is_private_api="IsAuthenticated'" in source,
        fixed=frozenset(name for name, value in values.items() if _is_fixed(value)),
        hosts_variable=next(iter(_variables(hosts)), "") if hosts else "",
        reads_database_url="DATABASE_URL" in source
        or "dj_database_url" in source
        or bool(re.search(r"\.db\(", source)),
        required=tuple(dict.fromkeys(name for tree in trees for name in _required(tree) if name not in GIVEN)),
    )


def last_assignments(texts: Mapping[str, str], folder: str, module: str) -> dict[str, tuple[str, ast.expr]]:
    """Map each name that a settings module sets to the file and the value that count."""
    path = module_path(texts, folder, module)
    names = _with_star_imports(texts, folder, path) if path else []
    return {key: (name, value) for name in names for key, value in _assignments(_parsed(texts[name]))}


def _with_star_imports(texts: Mapping[str, str], folder: str, path: str) -> list[str]:
    """Return the files of a settings module, those that it builds on first."""
    before: list[str] = []
    for node in _parsed(texts[path]).body:
        if isinstance(node, ast.ImportFrom) and node.names[0].name == "*" and node.module:
            home = posixpath.join(posixpath.dirname(path), *[".."] * (node.level - 1)) if node.level else folder
            other = module_path(texts, posixpath.normpath(home).removeprefix("."), node.module)
            if other and other != path:
                before += _with_star_imports(texts, folder, other)
    return [*before, path]


def _assignments(tree: ast.Module) -> Iterator[tuple[str, ast.expr]]:
    for node in tree.body:
        if isinstance(node, ast.Assign):
            yield from ((target.id, node.value) for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.value:
            yield node.target.id, node.value


def _required(tree: ast.Module) -> Iterator[str]:
    """Yield the variables without which the settings do not load."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) in ("os.environ", "environ"):
            yield from _constants(node.slice)
        elif isinstance(node, ast.Call) and len(node.args) == 1 and not _has_default(node):
            name = ast.unparse(node.func)
            if name in READERS - {"getenv"} or name.startswith("env."):
                yield from _constants(node.args[0])


def _has_default(call: ast.Call) -> bool:
    return any(keyword.arg in ("default", None) for keyword in call.keywords)


def _variables(value: ast.expr) -> Iterator[str]:
    for node in ast.walk(value):
        if isinstance(node, ast.Constant):
            yield from _constants(node)


def _constants(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and VARIABLE.fullmatch(node.value):
        yield node.value


def _text(value: ast.expr | None) -> str:
    return value.value if isinstance(value, ast.Constant) and isinstance(value.value, str) else ""


def _is_fixed(value: ast.expr) -> bool:
    try:
        ast.literal_eval(value)
    except ValueError:
        return False
    return True


def _below_base(value: ast.expr | None) -> str:
    """Return "a/b" for `BASE_DIR / "a" / "b"` and `os.path.join(BASE_DIR, "a", "b")`, else ""."""
    if value is None or not re.search(r"\b(BASE_DIR|ROOT_DIR|PROJECT_ROOT)\b", ast.unparse(value)):
        return ""
    if any(isinstance(node, ast.Attribute) and node.attr in ("parent", "parents") for node in ast.walk(value)):
        return ""
    parts = [node.value for node in ast.walk(value) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    order = list(reversed(parts)) if isinstance(value, ast.BinOp) else parts
    path = "/".join(order).strip("/")
    return path if re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_./-]*", path) and ".." not in path else ""


def _parsed(text: str) -> ast.Module:
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])
