"""What the pipeline tries before a deploy: the parts that need no container."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ferryman.config import load_configuration
from ferryman.errors import FerrymanError, UsageError
from ferryman.git.repository import changed_files
from ferryman.trial import audit, base_image
from ferryman.trial.base_image import base_images, check_bases
from ferryman.trial.environment import find_requirements, source_folder
from ferryman.trial.environment.making import project_tree
from ferryman.trial.outcomes import CheckFailed, Outcomes
from ferryman.trial.tools import find_tool, output, run

DIGEST = f"sha256:{'a' * 64}"
SHOP = '[app]\nname = "shop"\nimage = "acme/shop"\n[app.roles.web]\n'


def outcomes(variables: dict[str, str] | None = None) -> tuple[Outcomes, list[str]]:
    told: list[str] = []
    return Outcomes("Docker tests", variables or {}, told.append), told


# -- outcomes


def test_a_check_that_fails_does_not_keep_the_next_from_running(tmp_path: Path) -> None:
    found, told = outcomes({"GITHUB_STEP_SUMMARY": str(tmp_path / "summary")})
    with found.check("one"):
        raise CheckFailed("it | is broken")
    with found.check("two") as two:
        two.detail = "fine"
    with found.check("three") as three:
        three.warn("old")
    with found.check("four") as four:
        four.skip("nothing to do")
    with pytest.raises(FerrymanError) as failed:
        found.finish()
    assert (failed.value.code, failed.value.message) == ("checks-failed", "Docker tests: one failed")
    assert [line.split()[0] for line in told] == ["failed", "ok", "warning", "skipped"]
    assert "| one | failed | 0.0 s | it &#124; is broken |" in (tmp_path / "summary").read_text()


def test_warnings_alone_pass_and_are_annotated(capsys: pytest.CaptureFixture[str]) -> None:
    found, _ = outcomes({"GITHUB_ACTIONS": "true"})
    with found.check("base python") as check:
        check.warn("how old it is can't be found out")
    found.finish()
    assert capsys.readouterr().err == "::warning title=base python::how old it is can't be found out\n"


def test_an_error_of_ours_is_no_outcome() -> None:
    found, _ = outcomes()
    with pytest.raises(ZeroDivisionError), found.check("one"):
        _ = 1 / 0


# -- tools


def test_a_tool_that_is_missing_is_named() -> None:
    assert find_tool("ruff").endswith("/ruff")
    with pytest.raises(UsageError) as missing:
        find_tool("no-such-tool")
    assert missing.value.code == "tool-missing"


def test_a_command_that_fails_tells_its_status_and_last_lines(tmp_path: Path) -> None:
    with pytest.raises(CheckFailed, match="ended with status 3: gone"):
        output([sys.executable, "-c", "import sys; sys.stderr.write('gone'); sys.exit(3)"], folder=tmp_path)
    with pytest.raises(CheckFailed, match="ended with status 4"):
        run([sys.executable, "-c", "raise SystemExit(4)"], folder=tmp_path)
    with pytest.raises(CheckFailed, match="can't be run"):
        run([str(tmp_path / "nothing")], folder=tmp_path)


# -- base images


def test_stages_are_no_base_images() -> None:
    text = f"""\
FROM --platform=linux/amd64 python:3.13@{DIGEST} AS base
FROM base AS code
FROM scratch
FROM debian:13
FROM CODE
"""
    assert base_images(text) == [(1, f"python:3.13@{DIGEST}"), (4, "debian:13")]


@pytest.mark.parametrize(
    ("image", "days", "state", "part"),
    [
        ("python:3.13", 0, "failed", "not pinned by digest"),
        (f"python:3.13@{DIGEST}", 10, "ok", "10 days old"),
        (f"python:3.13@{DIGEST}", 400, "failed", "400 days old, and [pipeline] base_days is 180"),
        (f"python:3.13@{DIGEST}", None, "warning", "can't be found out"),
    ],
)
def test_a_base_image_is_pinned_and_young(
    monkeypatch: pytest.MonkeyPatch, image: str, days: int | None, state: str, part: str
) -> None:
    made = None if days is None else datetime.now(UTC) - timedelta(days=days, hours=1)
    monkeypatch.setattr(base_image, "_created", lambda *_: made)
    found, _ = outcomes()
    check_bases(f"FROM {image}\n", 180, {}, found)
    (check,) = found.checks
    assert (check.state, part in check.detail) == (state, True)


def test_a_build_without_a_time_tells_no_age(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(base_image, "_created", lambda *_: datetime(1970, 1, 1, tzinfo=UTC))
    found, _ = outcomes()
    check_bases(f"FROM python@{DIGEST}\n", 180, {}, found)
    assert found.checks[0].state == "warning"


# -- pip-audit


@pytest.mark.parametrize(
    ("answer", "state", "part"),
    [
        ({"dependencies": [{"name": "a", "version": "1", "vulns": []}]}, "ok", "1 packages, none"),
        ({"dependencies": [{"name": "a", "skip_reason": "unknown"}]}, "warning", "1 of 1 packages are not known"),
        (
            {"dependencies": [{"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2"]}]}]},
            "failed",
            "a 1 (PYSEC-1, fixed in 2)",
        ),
        (None, "warning", "can't be asked: no network"),
    ],
)
def test_the_audit_tells_what_it_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, answer: object, state: str, part: str
) -> None:
    tool = tmp_path / "pip-audit"
    told = f"echo '{json.dumps(answer)}'" if answer else "echo no network >&2; exit 1"
    tool.write_text(f"#!/bin/sh\n{told}\n")
    tool.chmod(0o755)
    monkeypatch.setattr(audit, "find_tool", lambda _: str(tool))
    monkeypatch.setattr(audit, "docker_command", lambda: ["echo"])
    found, _ = outcomes()
    with found.check("pip-audit") as check:
        audit.audit_packages("acme/shop:1", check)
    assert (check.state, part in check.detail) == (state, True)


# -- dependencies


def configuration(folder: Path, more: str = "") -> Path:
    (folder / "ferryman.toml").write_text(SHOP + more)
    (folder / "manage.py").write_text('import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n')
    return folder / "ferryman.toml"


def required(path: Path, scratch: Path) -> list[Path]:
    """The files that are installed from."""
    found = load_configuration(path)
    calls = find_requirements(found, project_tree(found), scratch).calls
    return [Path(word) for call in calls for word in call if word != "--requirement"]


def test_poetrys_lock_is_read_with_markers_and_hashes(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[tool.poetry]\nname = "shop"\n')
    (tmp_path / "poetry.lock").write_text(
        '[[package]]\nname = "django"\nversion = "5.2.1"\nfiles = [{file = "d", hash = "sha256:1"}]\n'
        '[[package]]\nname = "colorama"\nversion = "0.4"\nmarkers = "sys_platform == \'win32\'"\nfiles = []\n'
    )
    (path,) = required(configuration(tmp_path), tmp_path)
    assert path.read_text() == ("django==5.2.1 \\\n    --hash=sha256:1\ncolorama==0.4 ; sys_platform == 'win32'\n")


def test_pipfiles_lock_is_read_with_hashes(tmp_path: Path) -> None:
    (tmp_path / "Pipfile").write_text("")
    lock = {
        "default": {"django": {"version": "==5.2.1", "hashes": ["sha256:1"]}},
        "develop": {"ruff": {"version": "==1"}},
    }
    (tmp_path / "Pipfile.lock").write_text(json.dumps(lock))
    (path,) = required(configuration(tmp_path), tmp_path)
    assert path.read_text() == "django==5.2.1 \\\n    --hash=sha256:1\nruff==1\n"


def test_files_that_are_named_are_taken_as_they_are(tmp_path: Path) -> None:
    path = configuration(tmp_path, '[pipeline]\nrequirements = ["locks/all.txt"]\n')
    assert required(path, tmp_path) == [tmp_path / "locks/all.txt"]


def test_a_source_without_manage_py_is_refused(tmp_path: Path) -> None:
    path = configuration(tmp_path, '[pipeline]\nsource = "backend"\n')
    with pytest.raises(UsageError) as refused:
        source_folder(load_configuration(path))
    assert refused.value.code == "no-manage-py"


# -- new migrations


def git(folder: Path, *arguments: str) -> str:
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    command = ["git", *author, *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def test_new_files_are_those_of_the_commits_after_the_base(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    commits = []
    for number in (1, 2, 3):
        path = tmp_path / "orders" / "migrations" / f"000{number}_x.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", str(number))
        commits.append(git(tmp_path, "rev-parse", "HEAD"))

    def new(base: str) -> list[str]:
        return [Path(name).name for name in changed_files(tmp_path, base, "*/migrations/*.py")]

    assert new(commits[0]) == ["0002_x.py", "0003_x.py"]
    for unknown in ("", "0" * 40, "--help", "$(touch pwned)"):
        assert new(unknown) == ["0003_x.py"]
    git(tmp_path, "checkout", "--quiet", "--orphan", "new")
    git(tmp_path, "commit", "--quiet", "--message", "only")
    assert new("0" * 40) == ["0001_x.py", "0002_x.py", "0003_x.py"]
