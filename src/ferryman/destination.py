"""Where a command goes: one app in one environment, its link and its registry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from ferryman.config import Configuration
from ferryman.link import Link

REHEARSAL = "rehearsal"


class Workshop(Protocol):
    """What an image is built for: the app, and which registry takes it."""

    @property
    def configuration(self) -> Configuration: ...

    @property
    def registry(self) -> str | None: ...

    @property
    def stand_ins(self) -> frozenset[str]: ...


@dataclass(frozen=True)
class OwnRegistry:
    """The registry that the image's name has: no server is needed to build for it."""

    configuration: Configuration
    registry: str | None = None
    stand_ins: frozenset[str] = field(default_factory=frozenset)


@dataclass(frozen=True)
class Destination:
    """One app in one environment.

    `address` is where people reach the app, such as "https://shop.example.com";
    `registry` is the registry of the rehearsal ("127.0.0.1:port"), None for the one that the image names;
    `stand_ins` are the base images that stand in for Docker Hub's on this machine.
    """

    configuration: Configuration
    name: str
    manifest: dict[str, Any]
    link: Link
    registry: str | None = None
    stand_ins: frozenset[str] = field(default_factory=frozenset)
    address: str = ""

    @property
    def app(self) -> dict[str, str]:
        """The parameters by which the agent knows this app."""
        return {"app": self.manifest["app"], "environment": self.name}
