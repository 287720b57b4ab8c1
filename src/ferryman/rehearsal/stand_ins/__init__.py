"""The images of the rehearsal, and what stands in for those that can't be pulled."""

from ferryman.rehearsal.stand_ins.images import (
    DEBIAN,
    HAPROXY,
    POSTGRES,
    PYTHON,
    REGISTRY,
    Images,
    Origin,
    has_stand_in,
    hub_is_reachable,
)

__all__ = [
    "DEBIAN",
    "HAPROXY",
    "POSTGRES",
    "PYTHON",
    "REGISTRY",
    "Images",
    "Origin",
    "has_stand_in",
    "hub_is_reachable",
]
