"""What came of a clean-up, part by part; it is filled while it goes on, so that a failure loses nothing."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from ferryman.cleanup.names import shown
from ferryman.errors import DeployFailed, FerrymanError
from ferryman.github.branches import BranchReport


@dataclass(frozen=True)
class RemovedImage:
    """An image of a registry that went, or would go; `bytes` that no other one has."""

    digest: str
    tags: tuple[str, ...]
    bytes: int


@dataclass(frozen=True)
class KeptImage:
    """An image of a registry that stays, and why."""

    digest: str
    tags: tuple[str, ...]
    why: str


@dataclass
class ImageReport:
    """One repository of a registry."""

    repository: str
    removed: list[RemovedImage] = field(default_factory=list)
    kept: list[KeptImage] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """All together."""
        return sum(image.bytes for image in self.removed)


@dataclass(frozen=True)
class ServerReport:
    """One environment's server: the images that went with their bytes, and what came back; None: it did not tell."""

    environment: str
    images: list[dict[str, Any]]
    bytes: int | None
    busy: bool


@dataclass(frozen=True)
class Failure:
    """A part that could not be carried out."""

    part: str
    code: str
    message: str
    hint: str

    @classmethod
    def of(cls, part: str, error: FerrymanError) -> Failure:
        """The failure that an error was."""
        return cls(part, error.code, error.message, error.hint)


@dataclass
class Report:
    """The parts that were asked for, as far as they came."""

    is_dry: bool
    branches: BranchReport | None = None
    images: list[ImageReport] = field(default_factory=list)
    servers: list[ServerReport] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        """What came back in all."""
        return sum(images.bytes for images in self.images) + sum(server.bytes or 0 for server in self.servers)

    def as_json(self) -> dict[str, Any]:
        """For a program; `removed` is what would go when it was a dry run."""
        return {
            "dry_run": self.is_dry,
            "branches": asdict(self.branches) if self.branches else None,
            "images": [{**asdict(found), "bytes": found.bytes} for found in self.images],
            "servers": [asdict(found) for found in self.servers],
            "bytes": self.bytes,
            "failures": [asdict(failure) for failure in self.failures],
        }

    def check(self) -> None:
        """DeployFailed `cleanup-incomplete` when a part could not be carried out, or a branch not be deleted."""
        undone = [f"{failure.part} ({failure.code})" for failure in self.failures]
        undone += [f"branch {shown(verdict.name)}" for verdict in (self.branches.failed if self.branches else [])]
        if undone:
            raise DeployFailed(
                "cleanup-incomplete",
                f"not everything could be cleaned up: {', '.join(undone)}",
                state="what was removed stands above; nothing that serves was touched",
                hint="see the reasons above, and call it again",
                details={"failures": [asdict(failure) for failure in self.failures]},
            )
