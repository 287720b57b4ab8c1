"""The ssh command line of a link: pure, from a target and the files of one connection."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

from ferryman.link.public_key import PublicKey
from ferryman.link.target import DEFAULT_PORT, Target

HOST_KEY_ALIAS = "ferryman-pinned"
RELAY_COMMAND = "/usr/local/bin/ferryman-agent relay --role operator"
CONNECT_TIMEOUT_SECONDS = 10


@dataclass(frozen=True)
class ConnectionFiles:
    """The private folder of one connection: the pinned key, what ssh said, and a mark made after the login."""

    folder: Path

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def noise(self) -> Path:
        return self.folder / "stderr"

    @property
    def logged_in(self) -> Path:
        return self.folder / "logged-in"


def known_hosts_line(key: PublicKey) -> str:
    """The only line of the known_hosts file of a connection."""
    return f"{HOST_KEY_ALIAS} {key.text}\n"


def ssh_command(target: Target, files: ConnectionFiles, remote_command: str) -> list[str]:
    """The command of one connection to a server whose host key is pinned."""
    options = {
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": _literal(files.known_hosts),
        "HostKeyAlgorithms": target.pinned_key().signature_algorithms,
        "ServerAliveInterval": "15",
        "ServerAliveCountMax": "3",
        # After the login ssh runs this here, on our side: it tells a login that was refused from
        # a connection that was lost later, without reading a word of stderr.
        "PermitLocalCommand": "yes",
        "LocalCommand": "touch " + shlex.quote(str(files.logged_in).replace("%", "%%")),
    }
    return [*_ssh(target, options), "--", target.host, remote_command]


def probe_command(target: Target, known_hosts: Path, algorithms: str) -> list[str]:
    """A connection that only learns the server's host key: it offers no key and no password."""
    options = {
        "StrictHostKeyChecking": "accept-new",
        "UserKnownHostsFile": _literal(known_hosts),
        "HashKnownHosts": "no",
        "HostKeyAlgorithms": algorithms,
        "PreferredAuthentications": "none",
        "PermitLocalCommand": "no",
    }
    return [*_ssh(target, options), "--", target.host, "true"]


def resolve_command(target: Target) -> list[str]:
    """`ssh -G`: what the user's configuration makes of this target."""
    return ["ssh", "-G", *_address(target), "--", target.host]


def _literal(path: Path) -> str:
    return '"' + str(path).replace("%", "%%") + '"'


def _address(target: Target) -> list[str]:
    # Port 22 is left to ssh: an alias in the user's configuration may name another one.
    port = [] if target.port == DEFAULT_PORT else ["-p", str(target.port)]
    return ["-l", target.user, *port]


def _ssh(target: Target, options: dict[str, str]) -> list[str]:
    settings = {
        "BatchMode": "yes",
        "GlobalKnownHostsFile": "/dev/null",
        "KnownHostsCommand": "none",
        "VerifyHostKeyDNS": "no",
        "UpdateHostKeys": "no",
        "HostKeyAlias": HOST_KEY_ALIAS,
        "ConnectTimeout": str(CONNECT_TIMEOUT_SECONDS),
        # A connection shared with the user's other sessions would have been checked against another key.
        "ControlMaster": "no",
        "ControlPath": "none",
        "RemoteCommand": "none",
        "ClearAllForwardings": "yes",
        "ForwardAgent": "no",
        "ForwardX11": "no",
        **options,
    }
    if target.identity is not None:
        settings["IdentitiesOnly"] = "yes"
    command = ["ssh", "-T", *_address(target)]
    for name, value in settings.items():
        command += ["-o", f"{name}={value}"]
    if target.identity is not None:
        command += ["-i", str(target.identity)]
    return command
