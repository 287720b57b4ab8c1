"""Which Python a project asks for."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping

from ferryman.image.instructions import base_images
from ferryman.packaging.stated import read_toml

PREFERRED_PYTHON = "3.13"
OTHER_PYTHONS = ("3.14", "3.12", "3.11", "3.10")


def find_python(texts: Mapping[str, str], folders: Iterable[str]) -> str:
    """Return the Python to build with: 3.13 unless the project says another."""
    for folder in folders:
        for name, pattern in ((".python-version", r"(3\.\d+)"), ("runtime.txt", r"python-(3\.\d+)")):
            found = re.match(pattern, texts.get(posixpath.join(folder, name), "").strip())
            if found:
                return found[1]
        pipfile = read_toml(texts.get(posixpath.join(folder, "Pipfile"), "")).get("requires", {})
        if "python_version" in pipfile:
            return str(pipfile["python_version"])
        bounds = _bounds(texts, folder)
        image = _of_dockerfile(texts.get(posixpath.join(folder, "Dockerfile"), ""))
        if image and _fits(image, bounds):
            return image
        if bounds:
            return next(iter(_fitting(bounds)), PREFERRED_PYTHON)
    return PREFERRED_PYTHON


def _of_dockerfile(text: str) -> str:
    """The Python that a project's own Dockerfile starts from; "" for none."""
    found = (re.match(r"(?:.*/)?python:(3\.\d+)", image) for image in base_images(text))
    return next((match[1] for match in found if match), "")


def find_bounds(texts: Mapping[str, str], folders: Iterable[str]) -> str:
    """The versions of Python that the project allows, as its pyproject.toml has it; "" where it says nothing."""
    return next((bounds for folder in folders if (bounds := _bounds(texts, folder))), "")


def fitting_pythons(python: str, bounds: str) -> list[str]:
    """This Python, then others that the project allows."""
    return list(dict.fromkeys([python, *_fitting(bounds)]))


def _bounds(texts: Mapping[str, str], folder: str) -> str:
    asked = read_toml(texts.get(posixpath.join(folder, "pyproject.toml"), ""))
    poetry = asked.get("tool", {}).get("poetry", {}).get("dependencies", {})
    return str(asked.get("project", {}).get("requires-python") or poetry.get("python", ""))


def _fitting(bounds: str) -> list[str]:
    return [python for python in (PREFERRED_PYTHON, *OTHER_PYTHONS) if _fits(python, bounds)]


def _fits(python: str, bounds: str) -> bool:
    return all(_fits_one(python, bound.strip()) for bound in bounds.split(",") if bound.strip())


def _fits_one(python: str, bound: str) -> bool:
    found = re.fullmatch(r"(>=|<=|==|!=|~=|>|<|\^|~)?\s*(\d+)(?:\.(\d+))?(?:\.(\d+|\*))?(?:\.\*)?", bound)
    if not found:
        return True
    have = tuple(int(part) for part in python.split("."))
    minor = int(found[3]) if found[3] else None
    wanted = (int(found[2]), minor or 0)
    # The image has the newest patch release of its minor version: "<3.13.1" leaves 3.13 out, "<=3.13" does not.
    checks = {
        ">=": have >= wanted,
        "^": have >= wanted and have[0] == wanted[0],
        ">": have > wanted or (have == wanted and found[4] is not None),
        "<=": have <= wanted,
        "<": have < wanted,
        "!=": have != wanted,
        "~": have == wanted,
        "~=": have == wanted if found[4] else have >= wanted and have[0] == wanted[0],
        "==": have == wanted if minor is not None else have[0] == wanted[0],
    }
    return checks[found[1] or "=="]
