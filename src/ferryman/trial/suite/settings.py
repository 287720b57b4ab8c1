"""Finds the settings that a project keeps for its tests: by the calls that name them, or by name; then tries them."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from ferryman.project.settings import settings_module
from ferryman.trial.environment import TestEnvironment
from ferryman.trial.suite.files import python_files

SETTINGS = "DJANGO_SETTINGS_MODULE"
CALLERS = (
    "Makefile", "justfile", "tox.ini", "noxfile.py", "package.json", "pyproject.toml", ".travis.yml", ".gitlab-ci.yml",
    ".circleci/config.yml", ".github/workflows/*.yml", ".github/workflows/*.yaml", "*.sh", "bin/*", "scripts/*",
)  # fmt: skip
CALLS = (
    re.compile(r"manage\.py[ \t]+test\b[^\n]*?--settings[= ]([A-Za-z_][\w.]*)"),
    re.compile(r"DJANGO_SETTINGS_MODULE=([A-Za-z_][\w.]*)[^\n]*manage\.py[ \t]+test\b"),
)
LARGEST_BYTES = 256 * 1024
TOKENS = {"test", "tests", "testing", "ci"}
NAMES = re.compile(r"(test|tests|testing|ci)_?settings|settings_?(test|tests|testing|ci)")
# They can be set up, and they are a project's: Django's own defaults have no app.
TRIAL = (
    "import os, sys; sys.path.insert(0, os.getcwd()); sys.argv = ['manage.py', 'test']; "
    "import django; from django.conf import settings; django.setup(); sys.exit(not settings.INSTALLED_APPS)"
)


def candidate_settings(folder: Path, root: Path) -> list[str]:
    """Modules that may hold the tests' settings, the likeliest first. `root` has Makefile, tox.ini and workflows."""
    called = [module for text in _callers(root) for call in CALLS for module in call.findall(text)]
    own = settings_module((folder / "manage.py").read_text(encoding="utf-8", errors="replace"))
    named = sorted(_named(folder), key=lambda module: (module.partition(".")[0] != own.partition(".")[0], module))
    return [module for module in dict.fromkeys([*called, *named]) if module != own]


def tests_settings(environment: TestEnvironment, variables: Mapping[str, str]) -> str:
    """The first candidate that can be set up; "" when manage.py's own serve the tests as well."""
    candidates = candidate_settings(environment.folder, environment.root)
    return next((module for module in candidates if is_usable(environment, variables, module)), "")


def management_settings(environment: TestEnvironment, variables: Mapping[str, str]) -> dict[str, str]:
    """The variable for commands of manage.py: none, but the tests' settings where its own can't be set up here."""
    if SETTINGS in {**os.environ, **variables} or not candidate_settings(environment.folder, environment.root):
        return {}
    manage = (environment.folder / "manage.py").read_text(encoding="utf-8", errors="replace")
    if is_usable(environment, {**variables, **manage_defaults(manage)}, settings_module(manage)):
        return {}
    module = tests_settings(environment, variables)
    return {SETTINGS: module} if module else {}


def is_usable(environment: TestEnvironment, variables: Mapping[str, str], module: str) -> bool:
    """Whether Django can be set up with this module."""
    return (
        subprocess.run(
            [str(environment.python), "-c", TRIAL],
            cwd=environment.folder,
            env={**os.environ, **variables, SETTINGS: module},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        ).returncode
        == 0
    )


def manage_defaults(manage: str) -> dict[str, str]:
    """The variables that a manage.py sets, such as DJANGO_SETTINGS_MODULE and DJANGO_CONFIGURATION."""
    try:
        tree = ast.parse(manage)
    except (SyntaxError, ValueError):
        return {}
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and len(node.args) == 2]
    pairs = [[str(item.value) for item in call.args if isinstance(item, ast.Constant)] for call in calls]
    return {pair[0]: pair[1] for pair in pairs if len(pair) == 2 and pair[0].startswith("DJANGO_")}


def _callers(root: Path) -> Iterator[str]:
    for pattern in CALLERS:
        for path in sorted(root.glob(pattern)):
            if path.is_file() and path.stat().st_size <= LARGEST_BYTES:
                yield path.read_text(encoding="utf-8", errors="replace")


def _named(folder: Path) -> Iterator[str]:
    for path in python_files(folder):
        parts = path.relative_to(folder).with_suffix("").parts
        above = parts[-2] if len(parts) > 1 else ""
        is_kept_for_tests = (parts[-1] in TOKENS and "settings" in above) or (
            parts[-1] == "settings" and above in TOKENS
        )
        if is_kept_for_tests or NAMES.fullmatch(parts[-1]):
            yield ".".join(parts)
