"""Secrets: the environment of a release's containers, and the folder in which both are kept for root alone."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ferryman_agent.containers import variables
from ferryman_agent.host.database import database_parts
from ferryman_agent.ledger import App, Ledger, Release
from ferryman_agent.manifest import SECRET_KEY, Manifest
from ferryman_agent.secrets_file import read_secrets, write_private


@dataclass
class Secrets:
    """Reads what an app's containers are given, writes it beside the ledger."""

    ledger: Ledger
    folder: Path

    def app_folder(self, app_id: str) -> Path:
        """Where an app's files live (0700)."""
        return self.folder / "apps" / app_id

    def environment(self, app: App, manifest: Manifest, release: Release) -> list[str]:
        """NAME=value for the containers of a release, secrets included."""
        key = read_secrets(self.app_folder(app.id))["secret_key"]
        own = {SECRET_KEY: key, manifest.secret_key: key}
        if manifest.database:
            parts = database_parts(app, self.app_folder(app.id))
            own["DATABASE_URL"] = parts["url"]
            own |= {name: parts[part] for name, part in manifest.database.variables.items()}
        _, stored = self.ledger.environment(app.id, release.environment_version)
        return variables(app, manifest, release, stored, own)

    def write_release(self, app: App, release: Release, environment: list[str]) -> None:
        """Keep the release's manifest and environment beside the ledger (0600)."""
        folder = self.app_folder(app.id) / "releases" / str(release.number)
        write_private(folder / "manifest.json", json.dumps(asdict(release), indent=1, sort_keys=True))
        write_private(folder / "environment.json", json.dumps(environment, indent=1))
