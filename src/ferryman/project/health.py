"""Guesses which path tells that a service can serve, from the text of its URL configuration."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass

HEALTH_ROUTES = (
    re.compile(r"(.*/)?(ready|readyz|readiness)/?"),
    re.compile(r"(.*/)?(health|healthz|healthcheck|health-check|health_check)/?"),
    re.compile(r"(.*/)?(live|livez|alive|ping|status|up)/?"),
)
QUESTION = (
    "no path was found that tells whether the service can serve; set [app.roles.web] health to one that answers 200"
)


@dataclass(frozen=True)
class Route:
    """One entry of urlpatterns: its path, and what it leads to as source text."""

    path: str
    target: str

    @property
    def is_include(self) -> bool:
        """Tell whether further routes begin here."""
        return self.target.startswith("include(") or self.target.endswith(".urls")

    @property
    def is_admin(self) -> bool:
        """Tell whether Django's admin is here."""
        return "admin" in self.target and self.target.endswith("site.urls")


def guess_health(found: list[Route], *, is_private_api: bool) -> tuple[str, str]:
    """Return the path, and a question for the user where it is only a guess.

    1. A route that is named for it. 2. A view of its own at "/". 3. The admin's login page, which needs no login and
    no database. 4. Routes included at "/".
    """
    plain = [route for route in found if "<" not in route.path]
    for pattern in HEALTH_ROUTES:
        for route in plain:
            if not route.is_include and pattern.fullmatch(route.path):
                return f"/{route.path}", ""
    root = next((route for route in plain if route.path == ""), None)
    if root and not root.is_include and not is_private_api:
        return "/", ""
    admin = next((route for route in plain if route.is_admin), None)
    if admin:
        path = f"/{admin.path}login/"
        return path, f"{path} is taken as health check; a view that also asks the database would tell more"
    return "/", QUESTION


def routes(urls: str, read_module: Callable[[str], str], *, prefix: str = "", depth: int = 3) -> list[Route]:
    """Return the entries of `path(...)` in a URL configuration, and in those that it includes by name.

    `read_module` gives the text of a module, "" for one that is not the project's.
    """
    found = []
    for path, target in _entries(urls):
        found.append(Route(prefix + path, target))
        included = re.match(r"include\(\(?'([\w.]+)'", target)
        if included and depth:
            text = read_module(included[1])
            found += routes(text, read_module, prefix=prefix + path, depth=depth - 1)
    return found


def _entries(urls: str) -> list[tuple[str, str]]:
    try:
        tree = ast.parse(urls)
    except (SyntaxError, ValueError):
        return []
    return [
        (call.args[0].value, ast.unparse(call.args[1]))
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).split(".")[-1] == "path"
        and len(call.args) > 1
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    ]
