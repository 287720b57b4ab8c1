"""A rehearsal of this repository from a fresh clone, and what the tests ask of it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from ferryman.rehearsal.polling import wait_until

ROOT = Path(__file__).resolve().parents[2]
FERRYMAN = Path(sys.executable).with_name("ferryman")
AUTHOR = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]


@dataclass(frozen=True)
class Shipped:
    """A clone that was rehearsed: its folder, the service's URL, the seconds it took, the revision that was shipped.

    Every module deploys into the one that all share: a test counts from what it finds, not from the first release.
    """

    clone: Path
    url: str
    seconds: float
    revision: str

    def ferryman(self, *arguments: str) -> str:
        """Standard output of a command that must succeed."""
        return run(self.clone, str(FERRYMAN), *arguments)

    def status(self) -> dict[str, Any]:
        """`ferryman status --json`."""
        return dict(json.loads(self.ferryman("status", "--to", "rehearsal", "--json")))

    def deployments(self, *expanded: str) -> list[dict[str, Any]]:
        """What Harbour has of the deployments, newest first; `expanded` fields come with them."""
        found = httpx.get(f"{self.url}/api/v1/deployments/", params={"expand": ",".join(expanded)} if expanded else {})
        return list(found.raise_for_status().json()["results"])

    def deployment_of(self, revision: str, *expanded: str) -> dict[str, Any]:
        """The first deployment of a revision, once Harbour has heard that it ended."""

        def found() -> dict[str, Any] | None:
            known = [
                item for item in self.deployments(*expanded) if (item["release"] or {}).get("revision") == revision
            ]
            return known[-1] if known and known[-1]["outcome"] else None

        wait_until(lambda: found() is not None, "Harbour knows how the deployment ended", seconds=60, pause=0.5)
        deployment = found()
        assert deployment is not None
        return deployment

    def page(self) -> str:
        """The page as it is served."""
        return httpx.get(f"{self.url}/").raise_for_status().text


def run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def commit(folder: Path, subject: str, *options: str) -> str:
    run(folder, "git", *AUTHOR, "commit", "--quiet", "--message", subject, *options)
    return run(folder, "git", "rev-parse", "HEAD").strip()


def rehearse(clone: Path) -> Shipped:
    began = time.monotonic()
    output = run(clone, str(FERRYMAN), "rehearse")
    head = run(clone, "git", "rev-parse", "HEAD").strip()
    return Shipped(clone, output.splitlines()[-1], time.monotonic() - began, head)
