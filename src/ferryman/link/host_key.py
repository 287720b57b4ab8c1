"""How a server is reached and which host key it shows, learned with the user's own ssh configuration."""

from __future__ import annotations

import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from ferryman.errors import Unreachable, UsageError
from ferryman.link.command import probe_command, resolve_command
from ferryman.link.public_key import SIGNATURE_ALGORITHMS, PublicKey
from ferryman.link.target import Target

CONNECT_TIMEOUT_SECONDS = 5
PROBE_TIMEOUT_SECONDS = 30
SERVER_KEY_KINDS = tuple(kind for kind in SIGNATURE_ALGORITHMS if not kind.startswith("sk-"))
NOTHING_SENT = "nothing was sent to the server"


@dataclass(frozen=True)
class Route:
    """What ssh resolves a target to; with a `proxy` the address can't be tried directly."""

    host: str
    port: int
    proxy: bool
    identities: tuple[Path, ...]


def resolve(target: Target) -> Route:
    """Ask `ssh -G` where a target leads; UsageError when ssh is missing or its configuration is broken."""
    answer = _run_ssh(resolve_command(target))
    if answer.returncode != 0:
        raise UsageError(
            "ssh-configuration-broken",
            "ssh does not accept its own configuration: " + answer.stderr.decode(errors="replace").strip()[-300:],
            state=NOTHING_SENT,
            hint=f"ssh -G {target.host}",
        )
    lines = [line.split(" ", 1) for line in answer.stdout.decode(errors="replace").splitlines() if " " in line]
    found = {line[0]: line[1] for line in reversed(lines)}
    return Route(
        host=found.get("hostname", target.host),
        port=int(found.get("port", target.port)),
        proxy=any(found.get(key, "none") != "none" for key in ("proxyjump", "proxycommand")),
        identities=tuple(Path(value).expanduser() for key, value in lines if key == "identityfile"),
    )


def check_reachable(target: Target, route: Route) -> None:
    """Unreachable when nothing accepts a TCP connection; not tried when the way leads over a proxy."""
    if route.proxy:
        return
    where = target.address if target.host == route.host else f"{target.address} ({route.host} port {route.port})"
    try:
        socket.create_connection((route.host, route.port), CONNECT_TIMEOUT_SECONDS).close()
    except socket.gaierror:
        reason = "its name is not known"
    except ConnectionRefusedError:
        reason = "the connection is refused: nothing listens there"
    except TimeoutError:
        reason = f"no answer within {CONNECT_TIMEOUT_SECONDS} s"
    except OSError as error:
        reason = error.strerror or str(error)
    else:
        return
    raise Unreachable(
        "server-unreachable",
        f"{where} can't be reached: {reason}",
        state=NOTHING_SENT,
        hint=f"check host and port of environment {target.name}, and the server's firewall",
    )


def shown_host_key(target: Target, kinds: tuple[str, ...] = SERVER_KEY_KINDS) -> PublicKey | None:
    """The host key that the server shows, the first of `kinds` that it has; None when it shows none.

    ssh itself is asked, without any login, so that aliases and jump hosts work as in the link.
    """
    with tempfile.TemporaryDirectory(prefix="ferryman-") as folder:
        known_hosts = Path(folder) / "known_hosts"
        algorithms = ",".join(SIGNATURE_ALGORITHMS[kind] for kind in kinds)
        _run_ssh(probe_command(target, known_hosts, algorithms))
        if not known_hosts.exists():
            return None
        for line in known_hosts.read_text(errors="replace").splitlines():
            _, _, key = line.partition(" ")
            try:
                return PublicKey.parse(key)
            except ValueError:
                continue
    return None


def scan_host_key(target: Target) -> PublicKey:
    """The host key that a server shows before it is pinned; Unreachable when there is none to see."""
    target.check_address()
    check_reachable(target, resolve(target))
    key = shown_host_key(target)
    if key is None:
        raise no_host_key(target)
    return key


def no_host_key(target: Target) -> Unreachable:
    """Something answers, but not as an SSH server would."""
    return Unreachable(
        "server-unreachable",
        f"{target.address} takes the connection but shows no SSH host key: no SSH server, or it blocks this address",
        state=NOTHING_SENT,
        hint=f"ssh -v {target.host}",
    )


def _run_ssh(command: list[str]) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_TIMEOUT_SECONDS,
            check=False,
            start_new_session=True,
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 255, b"", f"no end within {PROBE_TIMEOUT_SECONDS} s".encode())
    except FileNotFoundError:
        raise ssh_missing() from None


def ssh_missing() -> UsageError:
    """There is no ssh on PATH."""
    return UsageError(
        "ssh-missing", "the ssh command is not installed", hint="install OpenSSH's client (Debian: openssh-client)"
    )
