"""Takes an app's files out of Git: those of a commit, or of the working tree when a dirty build is asked for."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

from ferryman.errors import UsageError
from ferryman.git.repository import below, names


def export_tree(repository: Path, sha: str, subdir: str, target: Path) -> None:
    """Write a commit's files below `subdir` into the folder `target`."""
    tree = f"{sha}:{subdir}" if subdir else sha
    # Without tar.umask the modes in the image would depend on the user's own Git settings.
    command = ["git", "-C", str(repository), "-c", "tar.umask=0022", "archive", "--format=tar", tree]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            with tarfile.open(fileobj=process.stdout, mode="r|") as archive:
                archive.extractall(target, filter="data")
        except tarfile.FilterError as error:
            process.kill()
            raise UsageError(
                "unsafe-path", f"the commit holds a path that leaves the build's folder: {error}"
            ) from None
        except tarfile.ReadError:
            process.kill()
        if process.wait() != 0:
            raise UsageError(
                "context-missing",
                f'commit {sha[:12]} has no folder "{subdir}"',
                hint="commit it, or set [app] context in ferryman.toml",
            )


def export_working_tree(repository: Path, subdir: str, target: Path) -> str:
    """Copy the files below `subdir` that Git tracks or would add; return 8 hex that stand for their content."""
    listed = names(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *below(subdir))
    digest = hashlib.sha256()
    for name in sorted(set(listed)):
        source = repository / name
        if source.is_symlink() or source.is_file():
            inner = name.removeprefix(f"{subdir}/") if subdir else name
            digest.update(_copy(source, target / inner, inner))
    return digest.hexdigest()[:8]


def _copy(source: Path, target: Path, name: str) -> bytes:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        link = source.readlink()
        target.symlink_to(link)
        return hashlib.sha256(f"{name}\0link\0{link}".encode(errors="surrogateescape")).digest()
    shutil.copyfile(source, target)
    mode = 0o755 if source.stat().st_mode & 0o100 else 0o644
    target.chmod(mode)
    header = f"{name}\0{mode:o}\0".encode(errors="surrogateescape")
    return hashlib.sha256(header + target.read_bytes()).digest()
