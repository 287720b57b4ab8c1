"""Packages of this machine's distribution: Debian's and Ubuntu's apt, and only as root."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

from ferryman.rehearsal.polling import RehearsalFailed

_SHOWN_LINES = 15


def can_install() -> bool:
    """Whether this process may install packages: root, on a system with apt."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(wanted: Sequence[str], *, if_known: Sequence[str] = ()) -> None:
    """Install packages, after apt's lists are brought up to date; those of `if_known` only where apt knows them.

    RehearsalFailed `install-failed` with apt's last lines.
    """
    _apt(["update"])
    known = [name for name in if_known if _is_known(name)]
    _apt(["install", "--yes", "--no-install-recommends", *wanted, *known])


def _is_known(name: str) -> bool:
    return subprocess.run(["apt-cache", "show", name], capture_output=True, check=False).returncode == 0


def _apt(args: Sequence[str]) -> None:
    done = subprocess.run(
        ["apt-get", "-q", *args],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "a"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode != 0:
        last = "\n".join(done.stdout.strip().splitlines()[-_SHOWN_LINES:])
        raise RehearsalFailed("install-failed", f"`apt-get {' '.join(args)}` failed: {last}")
