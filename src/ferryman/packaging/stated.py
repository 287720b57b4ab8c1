"""What is known of a project's dependencies: how they are stated, in which files, and the packages that they name."""

from __future__ import annotations

import codecs
import re
import tomllib
from dataclasses import dataclass
from enum import Enum
from typing import Any

BOM = "\ufeff"


class Packaging(Enum):
    """How a project states its dependencies."""

    REQUIREMENTS = "requirements"
    UV = "uv"
    POETRY = "poetry"
    PIPENV = "pipenv"
    PYPROJECT = "pyproject"
    NONE = "none"


@dataclass(frozen=True)
class Dependencies:
    """The files to install from, relative to their folder, and the names of the packages (normal form).

    `extras` and `groups` are those of the pyproject.toml that production needs beside the project's own dependencies.
    `member`: the package of a workspace that is installed. `is_local`: some are code of the repository itself, by a
    path. `needs_git`: some come from Git. `needs_pip`: uv can't read the requirements.
    """

    packaging: Packaging = Packaging.NONE
    folder: str = ""
    files: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    member: str = ""
    is_local: bool = False
    needs_git: bool = False
    needs_pip: bool = False


def decoded(content: bytes) -> str:
    """A file's text; one with a byte order mark keeps that as its first character."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return BOM + content.decode("utf-16", errors="replace")
    return content.decode("utf-8", errors="replace")


def normal(name: str) -> str:
    """A package's name in its normal form."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_toml(text: str) -> dict[str, Any]:
    """A TOML file's values; {} for one that is none."""
    try:
        return tomllib.loads(text.removeprefix(BOM))
    except tomllib.TOMLDecodeError:
        return {}
