"""Reads a project's configuration of pytest, from the file that pytest itself would take."""

from __future__ import annotations

import configparser
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# In pytest's own order. The first kind counts even when it is empty.
BARE = ("pytest.toml", ".pytest.toml", "pytest.ini", ".pytest.ini")
SECTIONS = (("tox.ini", "pytest"), ("setup.cfg", "tool:pytest"))


@dataclass(frozen=True)
class PytestConfiguration:
    """Where it stands, and what of it matters to how pytest is called."""

    path: Path
    options: tuple[str, ...] = ()
    names_settings: bool = False

    @property
    def measures_coverage(self) -> bool:
        """Whether its own options ask for coverage."""
        return any(word == "--cov" or word.startswith("--cov=") for word in self.options)


def find_pytest_configuration(folders: Iterable[Path]) -> PytestConfiguration | None:
    """Look into the folders in turn."""
    for folder in folders:
        for path, values in _candidates(folder):
            if values is not None:
                return _understood(path, values)
    return None


def _candidates(folder: Path) -> Iterable[tuple[Path, Mapping[str, Any] | None]]:
    for name in BARE:
        path = folder / name
        if path.is_file():
            values = _toml(path).get("pytest") if name.endswith(".toml") else _section(path, "pytest")
            yield path, values or {}
        if name == BARE[-1]:
            tool = _toml(folder / "pyproject.toml").get("tool", {}).get("pytest")
            yield folder / "pyproject.toml", None if tool is None else tool.get("ini_options", tool)
    for name, section in SECTIONS:
        yield folder / name, _section(folder / name, section)


def _understood(path: Path, values: Mapping[str, Any]) -> PytestConfiguration:
    options = values.get("addopts", "")
    words = tuple(options.split() if isinstance(options, str) else map(str, options))
    # pytest-env's `env` sets variables, too.
    named = [*words, *str(values.get("env", "")).replace("'", "").replace('"', "").split()]
    is_named = "DJANGO_SETTINGS_MODULE" in values or any(
        word.startswith(("--ds", "DJANGO_SETTINGS_MODULE", "D:DJANGO_SETTINGS_MODULE")) for word in named
    )
    return PytestConfiguration(path, words, is_named)


def _section(path: Path, section: str) -> Mapping[str, str] | None:
    parser = configparser.RawConfigParser(strict=False, allow_no_value=True)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(path.read_text(encoding="utf-8-sig", errors="replace"))
    except (OSError, configparser.Error):
        return None
    return dict(parser[section]) if parser.has_section(section) else None


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, tomllib.TOMLDecodeError):
        return {}
