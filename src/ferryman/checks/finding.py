"""One mistake: where it is, why it breaks deploys, and how to put it right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning"]


@dataclass(frozen=True, order=True)
class Finding:
    """A finding in a file of the project; `line` counts from 1."""

    path: str
    line: int
    code: str
    why: str
    fix: str
    level: Level = "error"

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.level}: {self.why} [{self.code}]\n    fix: {self.fix}"

    def as_json(self) -> dict[str, object]:
        """The finding for a program."""
        names = ("code", "level", "path", "line", "why", "fix")
        return {name: getattr(self, name) for name in names}
