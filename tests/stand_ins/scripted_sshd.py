"""A real sshd with one allowed key, whose forced command answers what a test scripts."""

from __future__ import annotations

import getpass
import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ferryman.link import PublicKey, SshLink, Target
from ferryman.rehearsal.ports import free_port


def new_key(path: Path, kind: str = "ed25519") -> PublicKey:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", str(path)], check=True)
    return PublicKey.parse(path.with_suffix(".pub").read_text())


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Server:
    """An sshd with one allowed key, whose forced command is the shell script `relay`."""

    folder: Path
    port: int
    host_key: PublicKey

    def target(self, **changes: Any) -> Target:
        target = Target("127.0.0.1", self.port, getpass.getuser(), self.host_key.text, self.folder / "key", "staging")
        return replace(target, **changes)

    def link(self, **changes: Any) -> SshLink:
        return SshLink(self.target(**changes))

    def answers(self, script: str, *, reads_request: bool = True) -> None:
        read = f"read -r request\nprintf '%s\\n' \"$request\" >{self.folder}/request\n" if reads_request else ""
        (self.folder / "relay").write_text(read + script)

    @property
    def received(self) -> dict[str, Any]:
        message: dict[str, Any] = json.loads((self.folder / "request").read_text())
        return message


def sshd_configuration(folder: Path, port: int, sshd: str) -> Path:
    allowed = "StrictModes no\nUsePAM no\nPasswordAuthentication no\nPermitRootLogin yes\nMaxStartups 100\n"
    places = f"HostKey {folder}/host_key\nAuthorizedKeysFile {folder}/authorized_keys\nPidFile {folder}/pid\n"
    text = f"Port {port}\nListenAddress 127.0.0.1\n{places}{allowed}"
    path = folder / "sshd_config"
    # OpenSSH 9.8 and later lock an address out after a few refused logins, which is what these tests make.
    path.write_text(text + "PerSourcePenalties no\n")
    if subprocess.run([sshd, "-t", "-f", str(path)], capture_output=True, check=False).returncode != 0:
        path.write_text(text)
    return path


@contextmanager
def running_sshd(folder: Path) -> Iterator[Server]:
    """Start one on a free port; it ends with the block."""
    sshd = shutil.which("sshd") or "/usr/sbin/sshd"
    assert Path(sshd).exists(), "these tests need sshd (Debian: apt-get install openssh-server)"
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    host_key, key = new_key(folder / "host_key"), new_key(folder / "key")
    (folder / "authorized_keys").write_text(f'command="sh {folder}/relay" {key.text}\n')
    port = free_port()
    log = folder / "log"
    process = subprocess.Popen(
        [sshd, "-D", "-E", str(log), "-f", str(sshd_configuration(folder, port, sshd))], start_new_session=True
    )
    while not is_listening(port):
        assert process.poll() is None, log.read_text()
    yield Server(folder, port, host_key)
    process.terminate()
    process.wait()
