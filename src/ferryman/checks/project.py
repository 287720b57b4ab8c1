"""A project as the linter sees it: its configuration, and the texts of the files in which a deploy can go wrong."""

from __future__ import annotations

import os
import posixpath
import re
import shutil
import subprocess
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ferryman.config import Configuration
from ferryman.config.positions import KeyPath, line_of
from ferryman.project.tree import SKIPPED_FOLDERS, read_tree

LARGEST_BYTES = 1024 * 1024
COMPOSE = re.compile(r"(docker-)?compose[\w.-]*\.ya?ml")
SERVER_SETTINGS = re.compile(r"gunicorn[\w.-]*\.py")
WORKFLOWS = ".github/workflows"


@dataclass(frozen=True)
class Project:
    """Texts by their paths below the project's folder; `workflows` by theirs below the repository's root.

    `crlf` are the texts whose lines end with CR LF.
    """

    configuration: Configuration
    texts: Mapping[str, str]
    workflows: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    crlf: frozenset[str] = frozenset()

    @property
    def dockerfile(self) -> str:
        """The path of the Dockerfile."""
        app = self.configuration.app
        return posixpath.normpath(posixpath.join(app.context, app.dockerfile))

    @property
    def toml(self) -> str:
        """The path of ferryman.toml."""
        return self.configuration.path.name

    def line(self, *path: str) -> int:
        """The line of a key of ferryman.toml."""
        return line_of(dict(self.lines), path)

    def files(self, pattern: re.Pattern[str]) -> Mapping[str, str]:
        """The texts whose file name fits."""
        return {path: text for path, text in self.texts.items() if pattern.fullmatch(PurePosixPath(path).name)}


def read_project(configuration: Configuration, repository: Path) -> Project:
    """Read what the linter looks at; `repository` is the root of the Git repository."""
    texts = dict(read_tree(configuration.root))
    texts |= _read(configuration.root, _more(configuration.root))
    named = configuration.root / configuration.app.context / configuration.app.dockerfile
    if named.is_file():
        texts[Project(configuration, {}).dockerfile] = named.read_text(encoding="utf-8", errors="replace")
    folder = repository / WORKFLOWS
    found = [path for path in sorted(folder.glob("*.y*ml")) if path.is_file()] if folder.is_dir() else []
    crlf = frozenset(path for path in texts if b"\r\n" in (configuration.root / path).read_bytes())
    crlf -= _committed_with_lf(configuration.root, crlf)
    return Project(configuration, texts, _read(repository, found), configuration.key_lines, crlf)


def _committed_with_lf(root: Path, paths: Set[str]) -> set[str]:
    """Those that only the work tree has with CR LF, as on Windows: the image is built from the commit."""
    if not paths or not (git := shutil.which("git")):
        return set()
    words = [git, "ls-files", "--eol", "-z", "--", *sorted(paths)]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, check=False)
    return {entry.partition("\t")[2] for entry in done.stdout.split("\0") if entry.startswith("i/lf")}


def _more(root: Path) -> list[Path]:
    found: list[Path] = []
    for here, folders, files in os.walk(root):
        is_environment = "pyvenv.cfg" in files
        folders[:] = [] if is_environment else [n for n in folders if n not in SKIPPED_FOLDERS and n[0] != "."]
        found += [Path(here, name) for name in files if _is_wanted(name)]
    return sorted(path for path in found if path.is_file())


def _is_wanted(name: str) -> bool:
    return bool(name.endswith(".sh") or COMPOSE.fullmatch(name) or SERVER_SETTINGS.fullmatch(name))


def _read(root: Path, paths: list[Path]) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in paths
        if path.stat().st_size <= LARGEST_BYTES
    }
