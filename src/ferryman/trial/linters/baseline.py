"""The baseline: files in which a linter may go on to find something; the list is only allowed to shrink."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

FILE = ".ferryman-baseline"
UPDATE = "ferryman test code --update-baseline"
HEADER = f"""\
# Files that were here before their linter: what it finds in them does not fail `ferryman test code`.
# The list is only allowed to shrink: put a file right, then call `{UPDATE}`.
"""


@dataclass(frozen=True)
class Baseline:
    """For each linter the files, relative to the project's folder; one that has no entry has no baseline."""

    files: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def of(self, linter: str) -> frozenset[str]:
        """The files in which this linter may find something."""
        return self.files.get(linter, frozenset())

    def text(self) -> str:
        """As it is committed: a line for each file, the linter in front."""
        lines = [f"{linter}: {path}\n" for linter in sorted(self.files) for path in sorted(self.files[linter])]
        return HEADER + "".join(lines)


def parse_baseline(text: str) -> Baseline:
    """Read it; lines that are none of its form are comments."""
    files: dict[str, set[str]] = {}
    for line in text.splitlines():
        linter, separator, path = line.partition(": ")
        if separator and not line.startswith("#"):
            files.setdefault(linter, set()).add(path.strip())
    return Baseline({linter: frozenset(paths) for linter, paths in files.items()})


def read_baseline(root: Path) -> Baseline:
    """That of a project; an empty one where there is none."""
    path = root / FILE
    return parse_baseline(path.read_text(encoding="utf-8")) if path.is_file() else Baseline()


def shrunk(baseline: Baseline, found: Mapping[str, Iterable[str]]) -> Baseline:
    """What is to be committed: of a linter that has entries those that still hold, of another all that it finds."""
    files = {linter: frozenset(paths) for linter, paths in found.items()}
    kept = {linter: paths & baseline.of(linter) if baseline.of(linter) else paths for linter, paths in files.items()}
    return Baseline({linter: paths for linter, paths in kept.items() if paths})


def grown(before: Baseline, now: Baseline) -> list[str]:
    """Entries that were added since: only those of linters that had some, for a linter may be new."""
    return sorted(
        f"{linter}: {path}"
        for linter, paths in now.files.items()
        for path in paths - before.of(linter)
        if before.of(linter)
    )
