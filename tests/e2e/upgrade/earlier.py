"""Versions that went before this one, each from the wheel that is kept beside this module."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

PROGRAM = """\
#!{python}
import sys

sys.path.insert(0, {folder!r})
from ferryman.cli.main import main

sys.exit(main())
"""
ASKED = """\
import json, sys

sys.path.insert(0, sys.argv[1])
from ferryman_agent.requests import REQUESTS

print(json.dumps(sorted(REQUESTS)))
"""


@dataclass(frozen=True)
class Version:
    """One version; `labels_volumes`: whether its agent labels the volumes of an app that has a database."""

    wheel: str
    labels_volumes: bool = True


@dataclass(frozen=True)
class Earlier:
    """A version, unpacked: its folder, and its command."""

    version: Version
    folder: Path
    program: Path

    def requests(self) -> set[str]:
        """What its agent can be asked."""
        command = [sys.executable, "-c", ASKED, str(self.folder)]
        return set(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))


VERSIONS = (Version("ferryman-0.1.0-1d913f1.whl", labels_volumes=False),)


def unpack(version: Version, folder: Path) -> Earlier:
    """Have its command in a folder, with this checkout's libraries and none of its own packages."""
    with zipfile.ZipFile(Path(__file__).with_name(version.wheel)) as wheel:
        wheel.extractall(folder)
    program = folder / "earlier-ferryman"
    program.write_text(PROGRAM.format(python=sys.executable, folder=str(folder)))
    program.chmod(0o755)
    return Earlier(version, folder, program)
