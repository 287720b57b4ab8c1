"""Named volumes of the engine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ferryman_agent.engine.docker.api import Api


class Volumes(Api):
    """What the port asks of volumes."""

    def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        """Create the named volume unless it exists; one that exists keeps its labels."""
        self._ask("POST", "/volumes/create", {"Name": name, "Labels": dict(labels)})

    def volume_folder(self, name: str) -> Path:
        """Where a volume's files lie on this server."""
        return Path(self._ask("GET", f"/volumes/{name}")["Mountpoint"])

    def volumes(self, labels: Mapping[str, str], prefix: str = "") -> list[str]:
        """The names of all volumes that carry these labels, and of those whose name has the prefix, if one is given."""
        names = self._filtered({"label": [f"{key}={value}" for key, value in labels.items()]})
        if prefix:  # the engine's filter takes a part of the name
            names += [name for name in self._filtered({"name": [prefix]}) if name.startswith(prefix)]
        return sorted(set(names))

    def _filtered(self, filters: dict[str, list[str]]) -> list[str]:
        found = self._ask("GET", "/volumes", query={"filters": json.dumps(filters)})
        return [str(volume["Name"]) for volume in found["Volumes"] or []]

    def remove_volume(self, name: str) -> None:
        """Remove it with its data; gone already is fine."""
        self._drop(f"/volumes/{name}")
