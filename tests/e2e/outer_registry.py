"""A registry as Docker Hub is one to a server: it has TLS, asks for a password, and is on no machine's loopback."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from ferryman.image.credentials import Credentials
from ferryman.rehearsal.ground import Ground
from ferryman.rehearsal.local_registry import GROUND_LABEL
from ferryman.rehearsal.machine import Machine
from ferryman.rehearsal.polling import wait_until
from ferryman.rehearsal.ports import free_port
from ferryman.rehearsal.stand_ins import REGISTRY

# Where Docker Engine looks for the authority of a registry; it needs no restart for it.
AUTHORITIES = Path("/etc/docker/certs.d")
LOGIN = Credentials("acme", "kept-by-nobody-5f0c2a9d41")
HTPASSWD = b"acme:$2b$06$p8Rk1sQz0vYt3mWn5xLc7ehJrMjOjsdxooB/j3WrGxa9.1qwkzqCS\n"
CERTIFICATE, KEY, USERS = "etc/registry/certificate.pem", "etc/registry/key.pem", "etc/registry/htpasswd"
SETTINGS = {
    "REGISTRY_HTTP_TLS_CERTIFICATE": f"/{CERTIFICATE}",
    "REGISTRY_HTTP_TLS_KEY": f"/{KEY}",
    "REGISTRY_AUTH": "htpasswd",
    "REGISTRY_AUTH_HTPASSWD_REALM": "outer",
    "REGISTRY_AUTH_HTPASSWD_PATH": f"/{USERS}",
    "REGISTRY_STORAGE_DELETE_ENABLED": "true",
}


@dataclass(frozen=True)
class OuterRegistry:
    """Its address, the certificate that it is known by, and the one login that it takes."""

    address: str
    certificate: Path
    credentials: Credentials = LOGIN

    @property
    def host(self) -> str:
        """The address without the port."""
        return self.address.rpartition(":")[0]

    def introduce(self, server: Machine) -> None:
        """Make a server's engine trust it."""
        script = 'mkdir -p "$1" && cat > "$1/ca.crt"'
        folder = str(AUTHORITIES / self.address)
        server.run(["sh", "-c", script, "sh", folder], stdin=self.certificate.read_bytes())

    def bundle(self) -> str:
        """A file with the authorities that this process trusts, and this one."""
        known = ssl.get_default_verify_paths().cafile or ""
        path = self.certificate.with_name("bundle.pem")
        path.write_text((Path(known).read_text() if known else "") + self.certificate.read_text())
        return str(path)


def can_be_introduced() -> bool:
    """Whether this machine's engine can be made to trust a registry: that takes root."""
    return os.geteuid() == 0


@contextmanager
def outer_registry(ground: Ground, folder: Path) -> Iterator[OuterRegistry]:
    """Run one that this machine's engine trusts, on the address that this machine has in the ground's network."""
    docker, name = ground.docker, f"ferryman-{ground.name}-outer"
    gateway = docker.run(
        ["network", "inspect", "--format", "{{(index .IPAM.Config 0).Gateway}}", ground.network]
    ).strip()
    registry = OuterRegistry(f"{gateway}:{free_port()}", folder / "certificate.pem")
    words = ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=outer"]
    words += ["-addext", f"subjectAltName=IP:{gateway}", "-keyout", str(folder / "key.pem")]
    subprocess.run(["openssl", *words, "-out", str(registry.certificate)], check=True, capture_output=True)
    options = ["--name", name, "--label", f"{GROUND_LABEL}={ground.name}", "--network", ground.network]
    options += ["--publish", f"{registry.address}:5000"]
    options += [word for setting, value in SETTINGS.items() for word in ("--env", f"{setting}={value}")]
    authority = AUTHORITIES / registry.address
    try:
        docker.run(["create", *options, REGISTRY])
        key = (folder / "key.pem").read_bytes()
        docker.put(
            name, {CERTIFICATE: (registry.certificate.read_bytes(), 0o644), KEY: (key, 0o600), USERS: (HTPASSWD, 0o644)}
        )
        docker.run(["start", name])
        authority.mkdir(parents=True)
        shutil.copy(registry.certificate, authority / "ca.crt")
        trust = ssl.create_default_context(cafile=str(registry.certificate))
        wait_until(lambda: _asks_for_a_password(registry, trust), "the outer registry answers", seconds=30)
        yield registry
    finally:
        shutil.rmtree(authority, ignore_errors=True)
        docker.succeeds(["rm", "--force", "--volumes", name])


def _asks_for_a_password(registry: OuterRegistry, trust: ssl.SSLContext) -> bool:
    try:
        with httpx.Client(verify=trust, trust_env=False, timeout=2) as client:
            return client.get(f"https://{registry.address}/v2/").status_code == httpx.codes.UNAUTHORIZED
    except httpx.TransportError:
        return False
