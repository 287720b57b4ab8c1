"""Durations and sizes as people write them: "30s", "384m"."""

from __future__ import annotations

import re

SECONDS_PER_UNIT = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
BYTES_PER_UNIT = {"b": 1, "k": 1024, "m": 1024**2, "g": 1024**3}

DURATION_PATTERN = r"^[0-9]+(\.[0-9]+)?(ms|s|m|h)$"
SIZE_PATTERN = r"^[0-9]+(b|k|m|g)$"


def parse_duration(text: str) -> float:
    """Return seconds. ValueError when the text is not a number with a unit."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)", text)
    if not found:
        raise ValueError(text)
    return float(found[1]) * SECONDS_PER_UNIT[found[2]]


def parse_size(text: str) -> int:
    """Return bytes; the units are powers of 1024, as Docker reads them. ValueError when the text is no size."""
    found = re.fullmatch(r"([0-9]+)(b|k|m|g)", text)
    if not found:
        raise ValueError(text)
    return int(found[1]) * BYTES_PER_UNIT[found[2]]
