"""A Git repository: its commits, and which files differ from one or were added since."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ferryman.errors import FerrymanError, UsageError
from ferryman.process import answer


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


def dirty_files(repository: Path, context: str) -> list[str]:
    """Return the tracked files below the context that differ from HEAD."""
    return names(repository, "diff", "--name-only", "-z", "HEAD", "--", *below(context))


def changed_files(repository: Path, base: str, pattern: str) -> list[str]:
    """Return the files that commits after `base` added below the repository's root; all where no base is known.

    A `base` that the repository does not have (GitHub sends zeros for a new branch) stands for the commit before.
    """
    start = _start(repository, base)
    if not start:
        return names(repository, "ls-files", "-z", "--", pattern)
    return names(repository, "diff", "--name-only", "-z", "--diff-filter=A", start, "HEAD", "--", pattern)


def text_before(folder: Path, base: str, name: str) -> str:
    """Return the text that a file of the folder had at `base`, as `changed_files` takes it; "" where it had none."""
    start = _start(folder, base)
    status, text, _ = _git(folder, "show", "--end-of-options", f"{start}:./{name}") if start else (1, "", "")
    return text if status == 0 else ""


def commit_that_added(folder: Path, name: str) -> str:
    """Return the newest commit that added a file of the folder; "" when none did."""
    status, output, _ = _git(folder, "log", "--max-count=1", "--diff-filter=A", "--format=%H", "--", name)
    return output.strip() if status == 0 else ""


def _start(repository: Path, base: str) -> str:
    """The commit that HEAD's branch left `base` at, else the one before HEAD; "" where there is none."""
    for candidate in (base, "HEAD^"):
        verify = ["rev-parse", "--verify", "--quiet", "--end-of-options", f"{candidate}^{{commit}}"]
        if candidate and _git(repository, *verify)[0] == 0:
            return _git(repository, "merge-base", "--", candidate, "HEAD")[1].strip() or candidate
    return ""


def below(folder: str) -> list[str]:
    """Return the arguments that hold a command of Git to a folder of the repository; none for its root."""
    return [f":(top,literal){folder}"] if folder else []


def names(repository: Path, *arguments: str) -> list[str]:
    """Return the paths that a command of Git prints, ended by NUL. FerrymanError `git-failed`."""
    status, output, errors = _git(repository, *arguments)
    if status != 0:
        raise FerrymanError("git-failed", f"git {arguments[0]} failed: {errors.strip()}")
    return [name for name in output.split("\0") if name]


def _git(folder: Path, *arguments: str) -> tuple[int, str, str]:
    try:
        return answer(["git", "-C", str(folder), *arguments])
    except FileNotFoundError:
        raise UsageError("git-missing", "there is no git command on PATH", hint="install git and call again") from None
