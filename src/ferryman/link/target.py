"""Where a link goes: address, user, keys; checked before anything is started."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from ferryman.errors import UsageError
from ferryman.link.public_key import PublicKey

DEFAULT_PORT = 22
_HOST = re.compile(r"[A-Za-z0-9_\[][A-Za-z0-9_.:%\[\]-]*")
_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class Target:
    """A server as one environment names it.

    `host` may be an alias of the user's ssh configuration; `host_key` is "type base64", pinned;
    `identity` is the path of a private key, None for ssh's own choice (agent, defaults);
    `name` is the environment, used in hints.
    """

    host: str
    port: int
    user: str
    host_key: str
    identity: Path | None
    name: str

    @property
    def address(self) -> str:
        """How the server is called in messages."""
        return self.host if self.port == DEFAULT_PORT else f"{self.host} port {self.port}"

    def check_address(self) -> None:
        """UsageError when host, port or user could not be one; ssh must never read them as options."""
        if not _HOST.fullmatch(self.host):
            raise UsageError("host-invalid", f'environment {self.name}: "{self.host}" is not a host name or address')
        if not 0 < self.port < 65536:
            raise UsageError("port-invalid", f"environment {self.name}: {self.port} is not a port")
        if not _USER.fullmatch(self.user):
            raise UsageError("user-invalid", f'environment {self.name}: "{self.user}" is not a user name')

    def check_identity(self) -> None:
        """UsageError when the private key is missing, or readable by others (ssh would skip it silently)."""
        if self.identity is None:
            return
        try:
            status = self.identity.stat()
        except OSError as error:
            raise UsageError(
                "identity-unreadable", f"the private key {self.identity} can't be read: {error.strerror}"
            ) from error
        if not stat.S_ISREG(status.st_mode):
            raise UsageError("identity-unreadable", f"the private key {self.identity} is not a file")
        if status.st_uid == os.getuid() and stat.S_IMODE(status.st_mode) & 0o077:
            raise UsageError(
                "identity-exposed",
                f"the private key {self.identity} is readable by others, and ssh does not use it so",
                hint=f"chmod 600 {self.identity}",
            )

    def pinned_key(self) -> PublicKey:
        """The server's pinned host key; UsageError when there is none, or it is not one."""
        setup = f"ferryman server setup --to {self.name}"
        if not self.host_key.strip():
            raise UsageError("host-key-missing", f"environment {self.name} has no host_key", hint=setup)
        try:
            return PublicKey.parse(self.host_key)
        except ValueError as error:
            raise UsageError("host-key-invalid", f"host_key of environment {self.name}: {error}", hint=setup) from error
