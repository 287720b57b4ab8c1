"""How a deploy is asked for: which commit, whether it is built, and its place among CI runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DeployOptions:
    """How to deploy. `revision` None: HEAD, from a clean tree. `sequence` is the CI run number.

    `labels_migrations`: the image is built for another call to deploy, and carries what this one would tell the agent.
    """

    revision: str | None = None
    build: bool = True
    allow_dirty: bool = False
    use_cache: bool = False
    sequence: int | None = None
    allow_older: bool = False
    labels_migrations: bool = False
