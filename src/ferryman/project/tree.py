"""Reads the few files of a project that tell how it is built and served."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath

from ferryman.packaging.stated import decoded

DEEPEST = 4
LARGEST_BYTES = 4 * 1024 * 1024
SKIPPED_FOLDERS = frozenset(
    {"__pycache__", "build", "dist", "env", "htmlcov", "media", "node_modules", "site-packages", "static", "venv"}
)
TELLING = re.compile(
    r"(manage|urls|wsgi|asgi|__init__)\.py|[\w.-]*requirements[\w.-]*\.(txt|in)|pyproject\.toml|setup\.(py|cfg)|uv\.lock|poetry\.lock"
    r"|package(-lock)?\.json|npm-shrinkwrap\.json|yarn\.lock|pnpm-(lock|workspace)\.yaml|\.(npm|yarn)rc(\.yml)?|\.nvmrc|\.node-version"
    r"|Pipfile(\.lock)?|Procfile|[\w.-]+\.sh|[\w-]*entrypoint[\w.-]*|Dockerfile(\.ferryman)?|(Dockerfile)?\.dockerignore|\.gitignore|\.python-version|runtime\.txt|ferryman\.toml"
)


def read_tree(folder: Path) -> Mapping[str, str]:
    """Map the path of each telling file, relative and with "/", to its text."""
    texts = {}
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        if _is_telling(PurePosixPath(name)) and path.stat().st_size <= LARGEST_BYTES:
            texts[name] = decoded(path.read_bytes())
    for name in (".git/config", ".git/HEAD", ".git/refs/remotes/origin/HEAD"):
        if (folder / name).is_file():
            texts[name] = (folder / name).read_text(encoding="utf-8", errors="replace")
    return texts


def _walk(folder: Path) -> Iterator[Path]:
    for here, folders, files in os.walk(folder):
        depth = len(Path(here).relative_to(folder).parts)
        is_environment = "pyvenv.cfg" in files
        keep = [name for name in sorted(folders) if not name.startswith(".") and name not in SKIPPED_FOLDERS]
        folders[:] = keep if depth < DEEPEST and not is_environment else []
        yield from (Path(here, name) for name in sorted(files) if Path(here, name).is_file())


def _is_telling(path: PurePosixPath) -> bool:
    if TELLING.fullmatch(path.name):
        return True
    is_settings = path.suffix == ".py" and ("settings" in path.stem or "settings" in path.parent.parts)
    is_requirements = path.suffix == ".txt" and path.parent.name == "requirements"
    return is_settings or is_requirements
