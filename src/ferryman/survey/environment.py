"""A Python environment with the packages that a project's image will have, made by uv and kept for the next time."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ferryman.packaging.locks import loosened, requirement_words
from ferryman.packaging.pythons import fitting_pythons
from ferryman.packaging.stated import BOM, Dependencies, Packaging, decoded, normal, read_toml

CACHE = Path(".ferryman", "survey")
LOOSE = ".ferryman-loose.txt"
NEAR = ("3.14", "3.13", "3.12", "3.11", "3.10", "3.9", "3.8")
TIMEOUT_SECONDS = 600.0
COMPILED = re.compile(r"^Tag: \S+-linux_\w+$", re.MULTILINE)  # a wheel that was made to be carried has "manylinux"


class NoEnvironment(Exception):
    """The project's packages can't be installed here; the text says why, in one line."""


@dataclass(frozen=True)
class Wanted:
    """What is to be installed: the project's dependencies, and packages that the image gets beside them."""

    dependencies: Dependencies
    python: str
    bounds: str = ""
    extra: tuple[str, ...] = ()


def make(folder: Path, copy: Path, wanted: Wanted) -> tuple[Path, str]:
    """The Python of an environment with the packages, and its version; NoEnvironment when there can be none.

    `folder` is the project's, which keeps the environment under `.ferryman/`; `copy` is what is installed from.
    """
    uv = find_uv()
    home = folder.resolve() / CACHE / "venv"
    python = home / "bin" / "python"
    mark = home / "ferryman-survey.json"
    found = wanted.dependencies
    stated = json.dumps([wanted.python, _digest(copy, wanted), wanted.extra, found.extras, found.groups])
    is_kept = python.is_file() and mark.is_file() and mark.read_text(encoding="utf-8") == stated
    if is_kept and not found.is_local:  # code of the project's own may have changed
        return python, _version(python)
    home.parent.mkdir(parents=True, exist_ok=True)
    _fill(uv, home, copy, wanted)
    mark.write_text(stated, encoding="utf-8")
    return python, _version(python)


def install(python: Path, words: Sequence[str], copy: Path) -> None:
    """Add packages to an environment; NoEnvironment when they can't be installed."""
    _run([find_uv(), "pip", "install", "--quiet", "--python", str(python), *words], copy)


def compiled(python: Path) -> frozenset[str]:
    """The packages of an environment that were compiled on this machine, since no wheel fits: their tag says so."""
    wheels = python.parent.parent.glob("lib/python*/site-packages/*.dist-info/WHEEL")
    made = (path for path in wheels if COMPILED.search(path.read_text(encoding="utf-8", errors="replace")))
    return frozenset(normal(path.parent.name.partition("-")[0]) for path in made)


def find_uv() -> str:
    """The program, beside this Python or on PATH; NoEnvironment when it is not installed."""
    uv = shutil.which("uv", path=os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", ""))))
    if not uv:
        raise NoEnvironment('uv is not installed: pip install "ferryman[checks]"')
    return uv


def _fill(uv: str, home: Path, copy: Path, wanted: Wanted) -> None:
    """With the first Python in which the packages can be installed; at last loosely, with any Python that is here."""
    why: list[str] = []
    for asked in _pythons(uv, wanted, copy):
        try:
            _make(uv, home, copy, wanted, asked)
            return
        except NoEnvironment as error:
            why.append(str(error))
    for asked in _others(uv, wanted, copy):
        with contextlib.suppress(NoEnvironment):
            _make(uv, home, copy, _loosened(uv, copy, wanted), asked)
            return
    shutil.rmtree(home, ignore_errors=True)
    raise NoEnvironment(why[0])


def _make(uv: str, home: Path, copy: Path, wanted: Wanted, asked: str) -> None:
    shutil.rmtree(home, ignore_errors=True)
    _run([uv, "venv", "--quiet", "--no-project", "--python", asked, str(home)], copy)
    _install(uv, home / "bin" / "python", copy, wanted)


def _others(uv: str, wanted: Wanted, folder: Path) -> Iterator[str]:
    """The two nearest Pythons of this machine, whatever the project allows: its settings mostly load there, too."""
    near = sorted(NEAR, key=lambda version: (abs(_minor(version) - _minor(wanted.python)), -_minor(version)))
    found = (_here(uv, version, folder) for version in near)
    yield from itertools.islice((python for python in found if python), 2)


def _minor(version: str) -> int:
    return int(version.split(".")[1]) if "." in version else 0


def _pythons(uv: str, wanted: Wanted, folder: Path) -> Iterator[str]:
    """The image's Python where this machine has it, then others that the project allows, then the image's from afar."""
    found = (_here(uv, version, folder) for version in fitting_pythons(wanted.python, wanted.bounds))
    yield from (python for python in found if python)
    yield wanted.python


def _here(uv: str, version: str, folder: Path) -> str:
    """The Python of a version that this machine has; "" for none."""
    found = _of_pyenv(version)
    if not found:
        with contextlib.suppress(NoEnvironment):
            found = _run([uv, "python", "find", "--no-python-downloads", "--no-project", version], folder).strip()
    return found


def _of_pyenv(version: str) -> str:
    """One that pyenv made; uv looks at PATH alone, where pyenv has no more than one."""
    root = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    found = [path for path in (root / "versions").glob(f"{version}.*/bin/python") if path.is_file()]
    return str(max(found)) if found else ""


def _install(uv: str, python: Path, copy: Path, wanted: Wanted) -> None:
    found = wanted.dependencies
    folder = copy / found.folder
    install = [uv, "pip", "install", "--quiet", "--python", str(python)]
    if found.packaging is Packaging.UV:
        words = ["sync", "--quiet", "--frozen", "--no-default-groups", "--no-install-project", "--python", str(python)]
        _run([uv, *words, *_options(found)], folder, {"UV_PROJECT_ENVIRONMENT": str(python.parent.parent)})
    elif found.packaging is Packaging.NONE:
        _run([*install, "django>=5.2"], folder)
    else:
        _run([*install, *requirement_words(folder, found, python.parent.parent / "locked.txt")], folder)
    if wanted.extra:
        _run([*install, *wanted.extra], folder)


def _loosened(uv: str, copy: Path, wanted: Wanted) -> Wanted:
    """The same as requirements in a file, where a package from Git is the index's of that name."""
    found, folder = wanted.dependencies, copy / wanted.dependencies.folder
    path = folder / LOOSE
    path.write_text(loosened(_requirements(uv, folder, found, path)), encoding="utf-8")
    return replace(wanted, dependencies=replace(found, packaging=Packaging.REQUIREMENTS, files=(LOOSE,), extras=()))


def _requirements(uv: str, folder: Path, found: Dependencies, target: Path) -> str:
    """What is to be installed, as one text in pip's form."""
    if found.packaging is Packaging.NONE:
        return "django>=5.2\n"
    if found.packaging is Packaging.UV:
        words = ["export", "--quiet", "--frozen", "--no-default-groups", "--no-emit-project", "--no-hashes"]
        return _run([uv, *words, *_options(found)], folder)
    if found.packaging is Packaging.PYPROJECT:
        stated = read_toml((folder / "pyproject.toml").read_text(encoding="utf-8", errors="replace"))["project"]
        optional = [item for extra in found.extras for item in stated["optional-dependencies"][extra]]
        return "\n".join([*stated["dependencies"], *optional])
    words = requirement_words(folder, found, target)
    files = [target] if str(target) in words else [folder / name for name in found.files]
    return "\n".join(decoded(path.read_bytes()).removeprefix(BOM) for path in files)


def _options(found: Dependencies) -> list[str]:
    extras = [word for extra in found.extras for word in ("--extra", extra)]
    extras += ["--no-editable"] if found.is_local else []
    extras += ["--package", found.member, "--no-install-package", found.member] if found.member else []
    return [*extras, *(word for group in found.groups for word in ("--group", group))]


def _digest(copy: Path, wanted: Wanted) -> str:
    found = hashlib.sha256()
    for name in wanted.dependencies.files:
        path = copy / wanted.dependencies.folder / name
        found.update(path.read_bytes() if path.is_file() else b"")
    return found.hexdigest()


def _version(python: Path) -> str:
    shown = subprocess.run([str(python), "--version"], capture_output=True, text=True, check=False).stdout
    return shown.strip().rpartition(" ")[2]


def _run(command: Sequence[str], folder: Path, variables: dict[str, str] | None = None) -> str:
    """What it prints; NoEnvironment with the reason when it fails."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "GIT_TERMINAL_PROMPT": "0", **(variables or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NoEnvironment(f"uv did not end within {TIMEOUT_SECONDS:.0f} s") from None
    if done.returncode != 0:
        raise NoEnvironment(_why(done.stderr))
    return done.stdout


def _why(errors: str) -> str:
    """The line of uv's that says why: the first one of its error."""
    texts = (re.sub(r"^[^A-Za-z0-9]+", "", line).strip() for line in errors.splitlines())
    lines = [text for text in texts if text]
    marked = [line for line in lines if line.lower().startswith(("error", "cause", "because", "failed"))]
    return " ".join((marked or lines or ["no message"])[:2])[:400]
