"""Decides which linters and which formatter a project has: its own, by its configuration; else Ruff and Black."""

from __future__ import annotations

import configparser
import posixpath
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOOK = re.compile(r"^\s*-?\s*id:\s*['\"]?([\w-]+)", re.MULTILINE)
INI_FILES = ("setup.cfg", "tox.ini", ".flake8", ".isort.cfg")
RUFF_FILES = ("ruff.toml", ".ruff.toml")
# Migrations are as makemigrations writes them.
RUFF_SCOPE = ("--extend-exclude", "migrations", ".")


@dataclass(frozen=True)
class Linter:
    """One tool: how it is called to check, how to put right what it finds, and why it was chosen."""

    name: str
    words: tuple[str, ...]
    fix: tuple[str, ...]
    reason: str

    @property
    def program(self) -> str:
        """The name of the program."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True)
class Tools:
    """What a project says of its tools: sections of its configuration, hooks of pre-commit, packages it requires."""

    sections: frozenset[str]
    hooks: frozenset[str]
    names: frozenset[str]

    def has(self, section: str, *hooks: str) -> bool:
        """Whether a tool is configured, required, or a hook."""
        return section in self.sections or section in self.names or bool(self.hooks & set(hooks))


def read_tools(folders: Iterable[Path], names: frozenset[str]) -> Tools:
    """Read the configuration files in the folders, from that of manage.py up to the project's."""
    sections: set[str] = set()
    hooks: set[str] = set()
    for folder in folders:
        tool = _toml(folder / "pyproject.toml").get("tool", {})
        sections |= {name for name in ("black", "ruff", "isort") if name in tool}
        sections |= {"ruff format"} if "format" in tool.get("ruff", {}) else set()
        for name in RUFF_FILES:
            if (folder / name).is_file():
                sections |= {"ruff"} | ({"ruff format"} if "format" in _toml(folder / name) else set())
        for name in INI_FILES:
            sections |= {"flake8", "isort"} & _ini_sections(folder / name)
        hooks |= set(HOOK.findall(_text(folder / ".pre-commit-config.yaml")))
    return Tools(frozenset(sections), frozenset(hooks), names)


def choose_linters(tools: Tools, python: str) -> tuple[Linter, ...]:
    """The linters, then the formatter. `python` is a version such as 3.13, for Ruff's defaults."""
    return (*_linters(tools, python), _formatter(tools))


def _linters(tools: Tools, python: str) -> list[Linter]:
    if "ruff" in tools.sections:
        return [_ruff((), "the project's rules")]
    own = [
        Linter(name, words, fix, "the project's own")
        for name, words, fix in (
            ("flake8", (".", "--extend-exclude", ".git,.ferryman,.venv,venv,migrations"), ()),
            (
                "isort",
                ("--check-only", "--quiet", "--skip-gitignore", "--extend-skip-glob", "*/migrations/*", "."),
                ("isort", "."),
            ),
        )
        if name in tools.sections and name in tools.names
    ]
    if any(linter.name == "flake8" for linter in own):
        return own
    target = f"py{python.replace('.', '')}"
    # Neither a person's own configuration nor one that lies above the project has a say.
    return [_ruff(("--isolated", "--target-version", target), "Ruff's default rules"), *own]


def _ruff(options: tuple[str, ...], reason: str) -> Linter:
    return Linter("ruff", ("check", *options, *RUFF_SCOPE), ("ruff", "check", "--fix", *options, *RUFF_SCOPE), reason)


def _formatter(tools: Tools) -> Linter:
    is_black = tools.has("black", "black", "black-jupyter", "psf-black")
    is_ruff = "ruff format" in tools.sections or "ruff-format" in tools.hooks or tools.has("ruff", "ruff", "ruff-check")
    if is_ruff and not is_black:
        return Linter("ruff format", ("format", "--check", "."), ("ruff", "format", "."), "the project's own")
    scope = ("--quiet", "--extend-exclude", "/migrations/", ".")
    return Linter("black", ("--check", *scope), ("black", *scope), "the project's own" if is_black else "by default")


def _ini_sections(path: Path) -> set[str]:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    try:
        parser.read_string(_text(path))
    except configparser.Error:
        return set()
    # isort's own file calls its section "settings".
    names = {"isort" if name == "settings" and path.name == ".isort.cfg" else name for name in parser.sections()}
    return {posixpath.basename(name.replace("tool:", "")) for name in names}


def _toml(path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(_text(path))
    except tomllib.TOMLDecodeError:
        return {}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""
