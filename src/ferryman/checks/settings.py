"""Mistakes in the Django settings that are deployed: DEBUG, SECRET_KEY, and a health path that they refuse."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ferryman.checks.dockerfile import debug_on, default_secret_key, image_of
from ferryman.checks.finding import Finding
from ferryman.checks.project import Project
from ferryman.errors import UsageError
from ferryman.project.detection import detect
from ferryman.project.health import routes
from ferryman.project.settings import last_assignments, module_path

READERS = re.compile(r"(os\.)?(environ\.get|getenv)|(env|config)(\.\w+)?")

Assigned = Mapping[str, tuple[str, ast.expr]]


def check_settings(project: Project) -> Iterator[Finding]:
    """All findings of the settings; none where no manage.py names them."""
    try:
        found = detect(project.texts, "project")
    except UsageError:
        return
    folder = found.manage or ""
    values = image_of(project).values
    deployed = values.get("DJANGO_SETTINGS_MODULE") or found.settings.module
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"  # another Python may know more syntax
    broken = list(_broken(project, folder, deployed))
    if parts(found.python) > parts(here):
        broken = [replace(finding, level="warning") for finding in broken]
    if broken:
        yield from broken
        return
    assigned = last_assignments(project.texts, folder, deployed)
    yield from _values(assigned, values)
    yield from _health(project, folder, assigned)


def parts(version: str) -> tuple[int, ...]:
    """A version's numbers, to be compared."""
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])


def _broken(project: Project, folder: str, module: str) -> Iterator[Finding]:
    path = module_path(project.texts, folder, module)
    try:
        ast.parse(project.texts.get(path, ""))
    except (SyntaxError, ValueError) as error:
        line = (error.lineno if isinstance(error, SyntaxError) else None) or 1
        yield settings_broken(path, line, f"Python {sys.version_info[0]}.{sys.version_info[1]}: {error}")


def settings_broken(path: str, line: int, reason: str) -> Finding:
    """The finding for settings with which Django does not start."""
    return Finding(
        path,
        line,
        "settings-broken",
        f"the settings can't be read: {reason}",
        "put the line right; `python manage.py check` with production's settings shows the same",
    )


def _values(assigned: Assigned, values: Mapping[str, str]) -> Iterator[Finding]:
    if "DEBUG" in assigned and not _is_given(assigned["DEBUG"][1], values) and _default(assigned["DEBUG"][1]) is True:
        path, value = assigned["DEBUG"]
        yield debug_on(path, value.lineno)
    if "SECRET_KEY" in assigned and _default(assigned["SECRET_KEY"][1]):
        path, value = assigned["SECRET_KEY"]
        yield default_secret_key(path, value.lineno)


def _is_given(value: ast.expr, values: Mapping[str, str]) -> bool:
    """Whether a setting reads a variable that the image or ferryman.toml sets."""
    return any(isinstance(node, ast.Constant) and node.value in values for node in ast.walk(value))


def _default(value: ast.expr) -> object:
    """What a setting is where the environment says nothing: a literal, or the literal default of a reader."""
    if isinstance(value, ast.Constant):
        return value.value
    if isinstance(value, ast.Call) and READERS.fullmatch(ast.unparse(value.func)):
        given = [word.value for word in value.keywords if word.arg == "default"] or value.args[1:2]
        if given and isinstance(given[0], ast.Constant):
            default = given[0].value
            return default if not isinstance(default, str) or "bool" not in ast.unparse(value.func) else default == "1"
    return None


def _health(project: Project, folder: str, assigned: Assigned) -> Iterator[Finding]:
    health = project.configuration.app.roles.web.health.partition("?")[0]
    line = project.line("app", "roles", "web", "health")
    why = _redirect(project, folder, assigned, health)
    if why:
        yield Finding(
            project.toml,
            line,
            "health-redirects",
            f"{health} answers with a redirect, which says nothing about the app: {why[0]}",
            why[1],
        )
    yield from _hosts(project, assigned, health)


def _redirect(project: Project, folder: str, assigned: Assigned, health: str) -> tuple[str, str] | None:
    def read(module: str) -> str:
        return project.texts.get(module_path(project.texts, folder, module), "")

    urls = _constant(assigned.get("ROOT_URLCONF"))
    known = {f"/{route.path}" for route in routes(read(str(urls)), read)} if urls else set()
    appends = _constant(assigned.get("APPEND_SLASH")) is not False
    if appends and health not in known and f"{health}/" in known:
        return f"the route is {health}/", f'set health = "{health}/"'
    if _constant(assigned.get("SECURE_SSL_REDIRECT")) is True and "SECURE_PROXY_SSL_HEADER" not in assigned:
        exempt = assigned.get("SECURE_REDIRECT_EXEMPT")
        patterns = [node.value for node in ast.walk(exempt[1]) if isinstance(node, ast.Constant)] if exempt else []
        if not any(isinstance(text, str) and _fits(text, health.lstrip("/")) for text in patterns):
            told = (
                f'exempt it: `SECURE_REDIRECT_EXEMPT = ["^{health.lstrip("/")}$"]`, or leave the redirect to the edge'
            )
            return "SECURE_SSL_REDIRECT sends plain http away", told
    return None


def _fits(pattern: str, path: str) -> bool:
    try:
        return re.search(pattern, path) is not None
    except re.error:  # Django refuses it when it starts
        return False


def _hosts(project: Project, assigned: Assigned, health: str) -> Iterator[Finding]:
    if "ALLOWED_HOSTS" not in assigned:
        return
    path, value = assigned["ALLOWED_HOSTS"]
    try:
        hosts = [str(host).lower() for host in ast.literal_eval(value)]
    except (ValueError, TypeError):
        return  # read from the environment, where the agent names the domain
    for name, section in project.configuration.environments.items():
        domain = section.domain
        if domain and "${" not in domain and not any(_takes(host, domain) for host in hosts):
            yield Finding(
                path,
                value.lineno,
                "health-refused",
                f"ALLOWED_HOSTS does not take {domain}, the domain of {name}: {health} answers 400, no deploy passes",
                'read it from the environment: `os.environ["ALLOWED_HOSTS"].split(",")`; the agent names the domain',
            )


def _takes(host: str, domain: str) -> bool:
    return host in ("*", domain) or (host.startswith(".") and f".{domain}".endswith(host))


def _constant(found: tuple[str, ast.expr] | None) -> object:
    return found[1].value if found and isinstance(found[1], ast.Constant) else None
