"""Images are built from what is committed."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from ferryman.errors import UsageError
from ferryman.git.export import export_tree, export_working_tree
from ferryman.git.repository import commit_time, dirty_files, find_repository, resolve_revision

Git = Callable[..., str]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    root = tmp_path / "repository"
    (root / "service" / "shop").mkdir(parents=True)
    (root / "README.md").write_text("a shop\n")
    (root / "service" / "manage.py").write_text("#!/usr/bin/env python\n")
    (root / "service" / "manage.py").chmod(0o700)
    (root / "service" / "shop" / "views.py").write_text("one\n")
    git(root, "init", "--quiet", "--initial-branch=main")
    commit(root, "first")
    return root


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Tester", "-c", "user.email=tester@example.invalid", "-c", "commit.gpgsign=false"]
    command = ["git", "-C", str(root), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def commit(root: Path, message: str) -> str:
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--allow-empty", f"--message={message}")
    return git(root, "rev-parse", "HEAD")


def test_a_commit_has_the_time_at_which_it_was_made(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-11-23T08:41:09+01:00")
    monkeypatch.setenv("GIT_AUTHOR_DATE", "2020-01-01T00:00:00Z")

    assert commit_time(repository, commit(repository, "second")) == "2026-11-23T08:41:09+01:00"
    assert commit_time(repository, "0" * 40) == ""


def test_a_project_may_be_a_folder_of_its_repository(repository: Path) -> None:
    found = find_repository(repository / "service")

    assert found.root == repository
    assert [found.context("."), found.context("shop")] == ["service", "service/shop"]
    assert find_repository(repository).context(".") == ""


def test_a_folder_outside_git_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        find_repository(tmp_path)

    assert caught.value.code == "not-a-repository"


@pytest.mark.parametrize("revision", ["HEAD", "main", "v1", "annotated"])
def test_a_revision_may_be_named_in_all_of_gits_ways(repository: Path, revision: str) -> None:
    git(repository, "tag", "v1")
    git(repository, "tag", "--annotate", "--message=x", "annotated")

    assert resolve_revision(repository, revision) == git(repository, "rev-parse", "HEAD")


@pytest.mark.parametrize("revision", ["nowhere", "--help", "HEAD~5", ""])
def test_an_unknown_revision_is_said(repository: Path, revision: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_revision(repository, revision)

    assert caught.value.code == "unknown-revision"
    assert f'"{revision}"' in caught.value.message


def test_a_shallow_clone_is_the_likely_reason_for_an_unknown_revision(repository: Path, tmp_path: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    commit(repository, "second")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository}", str(clone))

    with pytest.raises(UsageError, match="no commit") as caught:
        resolve_revision(clone, first)

    assert "shallow" in caught.value.hint


def test_only_tracked_files_below_the_context_make_a_tree_dirty(repository: Path) -> None:
    (repository / "README.md").write_text("changed\n")
    (repository / "service" / "notes.txt").write_text("untracked\n")
    assert dirty_files(repository, "service") == []

    (repository / "service" / "shop" / "views.py").write_text("two\n")
    assert dirty_files(repository, "service") == ["service/shop/views.py"]
    assert sorted(dirty_files(repository, "")) == ["README.md", "service/shop/views.py"]


def test_a_staged_change_is_dirty_and_a_touched_file_is_not(repository: Path) -> None:
    views = repository / "service" / "shop" / "views.py"
    views.touch()
    assert dirty_files(repository, "service") == []

    views.write_text("two\n")
    git(repository, "add", "--all")
    assert dirty_files(repository, "service")


def test_the_export_is_the_commit_and_not_the_working_tree(repository: Path, tmp_path: Path) -> None:
    sha = git(repository, "rev-parse", "HEAD")
    (repository / "service" / "shop" / "views.py").write_text("two\n")
    (repository / "service" / "secret.env").write_text("uncommitted\n")
    target = tmp_path / "tree"
    target.mkdir()

    export_tree(repository, sha, "service", target)

    assert sorted(str(path.relative_to(target)) for path in target.rglob("*")) == ["manage.py", "shop", "shop/views.py"]
    assert (target / "shop" / "views.py").read_text() == "one\n"


def test_the_modes_in_the_export_do_not_depend_on_the_users_settings(repository: Path, tmp_path: Path) -> None:
    git(repository, "config", "tar.umask", "0077")
    target = tmp_path / "tree"
    target.mkdir()

    export_tree(repository, "HEAD", "service", target)

    assert (target / "manage.py").stat().st_mode & 0o777 == 0o755
    assert (target / "shop" / "views.py").stat().st_mode & 0o777 == 0o644


def test_a_context_that_is_not_committed_is_said(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        export_tree(repository, git(repository, "rev-parse", "HEAD"), "backend", tmp_path)

    assert caught.value.code == "context-missing"
    assert '"backend"' in caught.value.message


def test_a_link_out_of_the_tree_is_refused(repository: Path, tmp_path: Path) -> None:
    (repository / "service" / "passwd").symlink_to("/etc/passwd")
    sha = commit(repository, "link")
    target = tmp_path / "tree"
    target.mkdir()

    with pytest.raises(UsageError) as caught:
        export_tree(repository, sha, "service", target)

    assert caught.value.code == "unsafe-path"


def test_a_dirty_build_takes_the_working_tree_without_what_git_ignores(repository: Path, tmp_path: Path) -> None:
    (repository / ".gitignore").write_text("*.env\n")
    (repository / "service" / "secret.env").write_text("x\n")
    (repository / "service" / "new.py").write_text("new\n")
    (repository / "service" / "shop" / "views.py").write_text("two\n")
    first, second = tmp_path / "first", tmp_path / "second"

    content = export_working_tree(repository, "service", first)

    assert sorted(path.name for path in first.rglob("*") if path.is_file()) == ["manage.py", "new.py", "views.py"]
    assert (first / "shop" / "views.py").read_text() == "two\n"
    assert export_working_tree(repository, "service", second) == content

    (repository / "service" / "new.py").write_text("newer\n")
    assert export_working_tree(repository, "service", tmp_path / "third") != content
