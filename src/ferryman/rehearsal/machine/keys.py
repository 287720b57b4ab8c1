"""SSH keys that the rehearsal makes for itself: the server's host key, the admin's and the pipeline's."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ferryman.errors import UsageError
from ferryman.rehearsal.packages import can_install, install


@dataclass(frozen=True)
class KeyPair:
    """An ed25519 key pair in two files; the private one is 0600."""

    private: Path

    @property
    def public(self) -> str:
        """The public key as `ssh-ed25519 AAAA…`, without its comment."""
        return " ".join(self.private.with_suffix(".pub").read_text().split()[:2])


def ensure_key(folder: Path, name: str) -> KeyPair:
    """The key pair `name` in `folder` (made 0700), generated when it is not there."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    private = folder / name
    if not private.is_file() or not private.with_suffix(".pub").is_file():
        if shutil.which("ssh-keygen") is None and can_install():
            install(["openssh-client"])
        keygen = shutil.which("ssh-keygen")
        if keygen is None:
            raise UsageError(
                "ssh-missing",
                "OpenSSH's client is not installed",
                hint="Debian, Ubuntu: apt-get install openssh-client",
            )
        private.unlink(missing_ok=True)
        comment = f"ferryman-rehearsal-{name}"
        subprocess.run([keygen, "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", str(private)], check=True)
    return KeyPair(private)
