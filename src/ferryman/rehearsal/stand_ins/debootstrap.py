"""Debian's own tree, made by debootstrap and kept in the user's cache: the ground of every stand-in image."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from ferryman.errors import UsageError
from ferryman.rehearsal.docker import Docker
from ferryman.rehearsal.packages import can_install, install
from ferryman.rehearsal.polling import RehearsalFailed

BASE_IMAGE = "ferryman-rehearsal/debootstrap"
_SUITE = "trixie"
_DROPPED = (
    "var/lib/apt/lists/*",
    "var/cache/apt/*",
    "var/log/*",
    "usr/share/doc/*",
    "usr/share/man/*",
    "usr/share/info/*",
    "usr/share/locale/*",
)
_AUTHORITY_BUNDLES = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pki/tls/certs/ca-bundle.crt"))


def cache_folder() -> Path:
    """Where Ferryman keeps what is dear to make and may be lost: $XDG_CACHE_HOME/ferryman or ~/.cache/ferryman."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    folder = Path(root) / "ferryman"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def authority_bundle() -> bytes:
    """The certificate authorities that this machine trusts, as PEM; empty when it has no bundle."""
    found = next((path for path in _AUTHORITY_BUNDLES if path.is_file()), None)
    return found.read_bytes() if found else b""


def ensure_base_image(docker: Docker, report: Callable[[str], None]) -> None:
    """Make BASE_IMAGE of the cached tree, which is made first where it is missing.

    UsageError `stand-ins-need-root` or `debootstrap-missing` when it can't be made on this machine.
    """
    if docker.succeeds(["image", "inspect", BASE_IMAGE]):
        return
    archive = cache_folder() / f"{_SUITE}-minbase.tar"
    if not archive.is_file():
        report(f"making Debian {_SUITE} with debootstrap (once per machine)")
        _make_archive(archive)
    docker.run(["import", "--change", 'CMD ["bash"]', str(archive), BASE_IMAGE])


def _make_archive(archive: Path) -> None:
    """1. debootstrap into a scratch folder. 2. Drop what an image does not need. 3. Pack it; rename it into place."""
    if os.geteuid() != 0:
        raise UsageError(
            "stand-ins-need-root",
            "Docker Hub is out of reach, and only root can make the images that stand in for its own",
            hint="call again as root, or where the engine can pull from Docker Hub",
        )
    if shutil.which("debootstrap") is None:
        if not can_install():
            raise UsageError(
                "debootstrap-missing",
                "Docker Hub is out of reach, and debootstrap, which makes the images that stand in, is not installed",
                hint="install debootstrap and call again",
            )
        install(["debootstrap", "debian-archive-keyring"])
    with tempfile.TemporaryDirectory(prefix="ferryman-debootstrap-", dir=archive.parent) as scratch:
        tree = Path(scratch) / "tree"
        command = ["debootstrap", "--variant=minbase", _SUITE, str(tree)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode != 0:
            last = "\n".join(done.stdout.strip().splitlines()[-10:])
            raise RehearsalFailed("debootstrap-failed", f"debootstrap could not make Debian {_SUITE}: {last}")
        _drop(tree)
        partial = archive.with_suffix(".partial")
        subprocess.run(["tar", "-C", str(tree), "-cf", str(partial), "."], check=True)
        partial.rename(archive)


def _drop(tree: Path) -> None:
    for path in (found for pattern in _DROPPED for found in tree.glob(pattern)):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
