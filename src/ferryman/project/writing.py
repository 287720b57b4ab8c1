"""Takes a project in: writes the files that it lacks, and never over one that is there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ferryman.errors import UsageError
from ferryman.project.detection import inspect_project
from ferryman.project.files import Advice, advised_lines, planned_files
from ferryman.project.findings import Findings


@dataclass(frozen=True)
class InitReport:
    """What `init` did: paths written and kept, open questions, and lines that the user is to add."""

    findings: Findings
    written: tuple[str, ...]
    kept: tuple[str, ...]
    unknown: tuple[str, ...]
    advice: tuple[Advice, ...]


def write_project(folder: Path) -> InitReport:
    """Inspect a project and write what it lacks: ferryman.toml, Dockerfile, .dockerignore, a line in .gitignore."""
    findings = inspect_project(folder)
    planned = planned_files(findings)
    _write(folder, planned)
    names = ("ferryman.toml", *(f"{findings.context}/{name}".lstrip("/") for name in ("Dockerfile", ".dockerignore")))
    return InitReport(
        findings=findings,
        written=tuple(planned),
        kept=tuple(name for name in names if name not in planned),
        unknown=findings.unknown,
        advice=advised_lines(findings),
    )


def _write(folder: Path, planned: Mapping[str, str]) -> None:
    for name, text in planned.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # "x": a file that was made since the inspection is kept.
            with path.open("a" if name == ".gitignore" else "x", encoding="utf-8") as file:
                file.write(text if os.fstat(file.fileno()).st_size == 0 else _addition(path, text))
        except FileExistsError:
            continue
        except OSError as error:
            raise UsageError("not-writable", f"{path} can't be written: {error.strerror}") from None


def _addition(path: Path, text: str) -> str:
    return text.removeprefix(path.read_text(encoding="utf-8"))
