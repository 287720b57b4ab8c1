"""Fills the template in: each file of the chosen folders, with the parts that the choices put into it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from ferryman.config import parse_configuration
from ferryman.github.workflows.files import workflow_files
from ferryman.new.choices import Choices, Packages, Queue, SignIn
from ferryman.new.requirements import required, required_for_development, requirements
from ferryman.project.detection import detect
from ferryman.project.files import planned_files

SHARED = "shared"
SUFFIX = "-tpl"
PARTS = "parts.toml"
BY_INIT = ("Dockerfile", ".dockerignore")
WHOLE_LINE = re.compile(r"^\{\{ (\w+) \}\}\n", re.MULTILINE)
SLOT = re.compile(r"\{\{ (\w+) \}\}")


def render(choices: Choices, lock: str, *, with_workflows: bool) -> Mapping[str, bytes]:
    """Map the path of each file to its content. `lock` is the text of uv.lock; "": pip installs what is pinned.

    Dockerfile, .dockerignore and workflows come from what `init` writes for such a project.
    """
    packages = Packages.UV if lock else Packages.PIP
    texts = dict(_filled_files(choices, packages)) | _versions(choices, lock)
    planned = planned_files(detect(texts, choices.name))
    texts |= {path: planned[path] for path in BY_INIT}
    found = {path: text.encode() for path, text in texts.items()}
    if with_workflows:
        found |= workflow_files(parse_configuration(texts["ferryman.toml"], Path("ferryman.toml")))
    return found


def render_pyproject(choices: Choices) -> str:
    """The text of pyproject.toml, of which uv makes the lock."""
    return dict(_filled_files(choices, Packages.UV))["pyproject.toml"]


def _versions(choices: Choices, lock: str) -> dict[str, str]:
    if lock:
        return {"uv.lock": lock}
    pins, packages = _text("pins.txt"), _text("packages.toml")
    served = requirements(pins, required(packages, choices))
    tools = [line for line in requirements(pins, required_for_development(packages)) if line not in served]
    return {
        "requirements.txt": "".join(f"{line}\n" for line in served),
        "requirements-dev.txt": "".join(f"{line}\n" for line in ["--requirement requirements.txt", *tools]),
    }


def _filled_files(choices: Choices, packages: Packages) -> Iterator[tuple[str, str]]:
    folders = (choices.sign_in.value, choices.queue.value, packages.value)
    values = _values(choices, folders)
    for folder in (SHARED, *folders):
        for path, text in _template_files(_template() / folder):
            target = path.replace("PROJECT/", f"{choices.name}/").replace("dot-", ".").removesuffix(SUFFIX)
            yield target, _fill(text, values)


def _values(choices: Choices, folders: tuple[str, ...]) -> Mapping[str, str]:
    packages = _text("packages.toml")
    plain = {"project": choices.name, "app": choices.app, "title": choices.name.replace("_", " ").capitalize()}
    chosen = {name: text for folder in folders for name, text in _parts(folder).items()}
    plain["run"] = chosen["run"]
    return {
        **dict.fromkeys((name for folder in _all_folders() for name in _parts(folder)), ""),
        **{name: _fill(text, plain) for name, text in chosen.items()},
        **plain,
        "dependencies": _quoted(required(packages, choices)),
        "development_dependencies": _quoted(required_for_development(packages)),
    }


def _fill(text: str, values: Mapping[str, str]) -> str:
    """Put the values in. A slot alone on its line is replaced with its line's end, so that an empty one leaves none."""
    lines = WHOLE_LINE.sub(lambda match: values[match[1]], text)
    return SLOT.sub(lambda match: values[match[1]], lines)


def _quoted(requirements_: list[str]) -> str:
    return "".join(f'    "{text}",\n' for text in requirements_)


def _all_folders() -> list[str]:
    return [choice.value for choices in (SignIn, Queue, Packages) for choice in choices]


def _parts(folder: str) -> Mapping[str, str]:
    return tomllib.loads(_text(f"{folder}/{PARTS}"))


@cache
def _text(path: str) -> str:
    return _template().joinpath(path).read_text(encoding="utf-8")


def _template() -> Traversable:
    return files("ferryman.new") / "template"


def _template_files(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Each file below a folder that is a template, with its path from there."""
    for entry in sorted(folder.iterdir(), key=lambda found: found.name):
        path = f"{prefix}{entry.name}"
        if entry.is_dir():
            yield from _template_files(entry, f"{path}/")
        elif path.endswith(SUFFIX):
            yield path, entry.read_text(encoding="utf-8")
