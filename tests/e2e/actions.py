"""Runs a project's own workflows with act, on this machine, as GitHub would run them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ACT = Path(sys.executable).with_name("act")
# What a log says when a step of a job has ended; the time is Go's: 1m2.5s, 120.5ms.
STEP_END = re.compile(r"^\[(.+?)\s*\].*(?:Success|Failure) - Main .*\[([\d.hmsµ]+)\]", re.MULTILINE)
DURATION = re.compile(r"([\d.]+)(h|ms|µs|m|s)")
UNIT_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6}
UPLOAD = re.compile(r"(actions/upload-artifact@[0-9a-f]{40})")
# What GitHub's own action does needs GitHub; here it tells what it would have kept.
STAND_IN = """\
name: Stand-in of upload-artifact
description: Lists what it would keep
inputs:
  name: { required: true }
  path: { required: true }
  include-hidden-files: { required: false }
  if-no-files-found: { required: false }
  retention-days: { required: false }
runs:
  using: composite
  steps:
    - shell: bash
      env:
        NAME: ${{ inputs.name }}
        FROM: ${{ inputs.path }}
      run: |
        for file in "$FROM"/*; do echo "artifact $NAME: ${file##*/}"; done
"""
# act makes a checkout of the commit that it runs itself; one of another branch is taken from the project's folder here.
CHECKOUT = re.compile(r"(actions/checkout@[0-9a-f]{40})")
STAND_IN_CHECKOUT = """\
name: Stand-in of checkout
description: Brings a branch of the project's folder
inputs:
  ref: { required: true }
  persist-credentials: { required: false }
runs:
  using: composite
  steps:
    - shell: bash
      env:
        REF: ${{ inputs.ref }}
        FOLDER: @folder@
      run: git -C "$FOLDER" archive "$REF" | tar -x && echo "checked out $REF"
"""
GIVEN = ("PATH", "HOME", "LANG")
# How this machine reaches package registries.
NETWORK = re.compile(r"(PIP|UV|SSL|REQUESTS|CURL)_\w+|(https?|no)_proxy", re.IGNORECASE)


@dataclass
class Run:
    """One run: its log, and whether it was green."""

    log: str
    status: int

    @property
    def is_green(self) -> bool:
        """Whether every job succeeded."""
        return self.status == 0

    def job_seconds(self) -> dict[str, float]:
        """Job → the seconds of its steps."""
        found: dict[str, float] = {}
        for job, told in STEP_END.findall(self.log):
            seconds = sum(float(number) * UNIT_SECONDS[unit] for number, unit in DURATION.findall(told))
            found[job] = found.get(job, 0.0) + seconds
        return found


@dataclass
class Runner:
    """A machine of GitHub's: a folder for all that a run leaves, and the repository's secrets.

    While it runs, every process list is kept in `seen`. `jobs`: how many may run at once; 0: one for each CPU.
    """

    project: Path
    folder: Path
    secrets: Mapping[str, str]
    number: int = 0
    jobs: int = 0
    runs: list[Run] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def run(
        self,
        workflow: str,
        event: str,
        payload: Mapping[str, Any] | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> Run:
        """Run one workflow for one event, to its end."""
        self.number += 1
        home = self.folder / f"run-{self.number}"
        home.mkdir(parents=True)
        (home / "event.json").write_text(json.dumps({"repository": REPOSITORY, **(payload or {})}))
        command = [
            str(ACT),
            event,
            "--workflows",
            f".github/workflows/{workflow}",
            "--eventpath",
            str(home / "event.json"),
        ]
        command += ["--platform", "ubuntu-latest=-self-hosted", "--action-cache-path", str(home / "cache")]
        command += ["--no-cache-server", "--insecure-secrets", "--secret-file", "/dev/stdin", "--rm"]
        command += ["--env", f"GITHUB_RUN_NUMBER={self.number}", "--env", f"GITHUB_RUN_ID={self.number}"]
        network = {name: value for name, value in os.environ.items() if NETWORK.fullmatch(name)}
        for name, value in {**network, **(variables or {})}.items():
            command += ["--env", f"{name}={value}"]
        command += ["--concurrent-jobs", str(self.jobs)] if self.jobs else []
        command += self._stand_ins(home)
        secrets = "".join(f"{name}={json.dumps(value)}\n" for name, value in self.secrets.items())
        watching = threading.Event()
        watcher = threading.Thread(target=self._watch, args=(watching,), daemon=True)
        watcher.start()
        done = subprocess.run(
            command,
            cwd=self.project,
            input=secrets,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=900,
            env={**{name: os.environ[name] for name in GIVEN if name in os.environ}, "TMPDIR": str(home)},
            check=False,
        )
        watching.set()
        watcher.join(5)
        self.runs.append(Run(done.stdout, done.returncode))
        (self.folder / f"run-{self.number}.log").write_text(done.stdout)
        return self.runs[-1]

    def _stand_ins(self, home: Path) -> list[str]:
        """The options that put the stand-ins in the place of GitHub's actions."""
        text = (self.project / ".github/workflows/shared-ci-jobs.yml").read_text()
        options = []
        for name, pattern, action in (("upload", UPLOAD, STAND_IN), ("checkout", CHECKOUT, STAND_IN_CHECKOUT)):
            (home / name).mkdir()
            (home / name / "action.yml").write_text(action.replace("@folder@", json.dumps(str(self.project))))
            options += [f"--local-repository={used}={home / name}" for used in set(pattern.findall(text))]
        return options

    def _watch(self, is_over: threading.Event) -> None:
        while not is_over.wait(0.1):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(process.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except OSError:
                    continue


REPOSITORY = {"full_name": "acme/shop", "name": "shop", "default_branch": "main", "owner": {"login": "acme"}}
