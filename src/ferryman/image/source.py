"""Takes an app's files out of Git: those of a commit, or of the working tree when a dirty build is asked for."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from ferryman.errors import FerrymanError, UsageError
from ferryman.image.process import answer


@dataclass(frozen=True)
class Repository:
    """A Git repository, and where the project's folder is in it."""

    root: Path
    project: str

    def context(self, context: str) -> str:
        """Return a path of the project, such as `service`, as a path of the repository; "" is its root."""
        parts = [part for part in (self.project, context) if part not in ("", ".")]
        return "/".join(parts)


def find_repository(folder: Path) -> Repository:
    """Return the repository that a folder is in. UsageError `not-a-repository` when it is in none."""
    status, output, errors = _git(folder, "rev-parse", "--show-toplevel", "--show-prefix")
    if status != 0:
        reason = (errors.strip().splitlines() or ["git rev-parse failed"])[-1]
        raise UsageError(
            "not-a-repository",
            f"{folder} is in no Git repository that can be read ({reason})",
            hint="images are built from a commit: run `git init` and commit, or call from the project's folder",
        )
    root, _, prefix = output.partition("\n")
    return Repository(Path(root), prefix.strip().rstrip("/"))


def resolve_revision(repository: Path, revision: str) -> str:
    """Return the commit (40 hex) that a branch, tag or abbreviation names. UsageError `unknown-revision`."""
    status, output, _ = _git(
        repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    )
    if status == 0:
        return output.strip()
    has_commits = _git(repository, "rev-parse", "--verify", "--quiet", "HEAD")[0] == 0
    is_shallow = _git(repository, "rev-parse", "--is-shallow-repository")[1].strip() == "true"
    hint = "`git log --oneline` lists the commits; `git fetch --all --tags` brings those that are only on the remote"
    if not has_commits:
        hint = "the repository has no commit yet: commit first"
    elif is_shallow:
        hint = "this clone is shallow: fetch the whole history (`git fetch --unshallow`, or fetch-depth: 0 in CI)"
    raise UsageError("unknown-revision", f'the repository has no commit "{revision}"', hint=hint)


def commit_time(repository: Path, sha: str) -> str:
    """Return when a commit was made, such as 2026-11-23T07:41:09+01:00; "" when Git does not tell."""
    status, output, _ = _git(repository, "show", "--no-patch", "--format=%cI", "--end-of-options", sha)
    return output.strip() if status == 0 else ""


def is_dirty(repository: Path, context: str) -> bool:
    """Tell whether a tracked file below the context differs from HEAD."""
    return bool(dirty_files(repository, context))


def dirty_files(repository: Path, context: str) -> list[str]:
    """Return the tracked files below the context that differ from HEAD."""
    return _names(repository, "diff", "--name-only", "-z", "HEAD", "--", *_below(context))


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
    names = _names(repository, "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *_below(subdir))
    digest = hashlib.sha256()
    for name in sorted(set(names)):
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


def _below(folder: str) -> list[str]:
    return [f":(top,literal){folder}"] if folder else []


def _names(repository: Path, *arguments: str) -> list[str]:
    status, output, errors = _git(repository, *arguments)
    if status != 0:
        raise FerrymanError("git-failed", f"git {arguments[0]} failed: {errors.strip()}")
    return [name for name in output.split("\0") if name]


def _git(folder: Path, *arguments: str) -> tuple[int, str, str]:
    try:
        return answer(["git", "-C", str(folder), *arguments])
    except FileNotFoundError:
        raise UsageError("git-missing", "there is no git command on PATH", hint="install git and call again") from None


def changed_files(repository: Path, base: str, pattern: str) -> list[str]:
    """Return the files that commits after `base` added below the repository's root; all where no base is known.

    A `base` that the repository does not have (GitHub sends zeros for a new branch) stands for the commit before.
    """
    for candidate in (base, "HEAD^"):
        names = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{candidate}^{{commit}}"]
        if candidate and _git(repository, *names)[0] == 0:
            merged = _git(repository, "merge-base", "--", candidate, "HEAD")[1].strip() or candidate
            return _names(repository, "diff", "--name-only", "-z", "--diff-filter=A", merged, "HEAD", "--", pattern)
    return _names(repository, "ls-files", "-z", "--", pattern)
