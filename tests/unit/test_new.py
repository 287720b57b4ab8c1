"""`ferryman new`: what a new project is made of, for each choice, and that it is made whole or not at all."""

from __future__ import annotations

import shutil
import stat
import subprocess
import sys
import zipfile
from itertools import product
from pathlib import Path

import pytest

from ferryman.checks.linter import lint_project
from ferryman.checks.project import read_project
from ferryman.config import load_configuration
from ferryman.errors import UsageError
from ferryman.github.workflows.wheel import build_wheel
from ferryman.new.choices import Choices, Queue, SignIn, check_name
from ferryman.new.making import Tools, make_project
from ferryman.new.rendering import render
from ferryman.new.requirements import requirements
from ferryman.project.plan import plan_project
from ferryman.project.writing import write_project

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
GIT = shutil.which("git")
PLAIN = Tools(git=None, uv=None)
SHORTEST, LONGEST = "a", "zz_" + 28 * "x"
LOCK = '[[package]]\nname = "gunicorn"\n[[package]]\nname = "psycopg"\n'
COMBINATIONS = list(product(SignIn, Queue))


@pytest.fixture(autouse=True)
def identity(monkeypatch: pytest.MonkeyPatch) -> None:
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "Test")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "test@example.com")


def write(folder: Path, choices: Choices, lock: str = "") -> Path:
    """The files of a project without workflows, uv and Git."""
    for path, content in render(choices, lock, with_workflows=False).items():
        place = folder / choices.name / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder / choices.name


# -- names


@pytest.mark.parametrize("name", ["shop", "my_shop", "a", "shop2", LONGEST])
def test_a_name_may_be_that_of_a_package(name: str) -> None:
    check_name(name)


@pytest.mark.parametrize(
    ("name", "why", "hint"),
    [
        ("My-Shop", "lower-case letters", "ferryman new my_shop"),
        ("2shops", "lower-case letters", "ferryman new shops"),
        ("shop_", "lower-case letters", "ferryman new shop"),
        ("a__b", "lower-case letters", "ferryman new a_b"),
        ("../shop", "lower-case letters", "ferryman new shop"),
        ("größe", "lower-case letters", "ferryman new gr_e"),
        ("", "lower-case letters", "ferryman new my_shop"),
        ("x" * 32, "at most 31", f"ferryman new {'x' * 31}"),
        ("class", "word of Python", "ferryman new my_shop"),
        ("Json", "lower-case letters", "ferryman new my_shop"),
        ("email", "standard library", "ferryman new my_shop"),
        ("django", "needs a module", "ferryman new my_shop"),
        ("accounts", "needs a module", "ferryman new my_shop"),
        ("celery", "needs a module", "ferryman new my_shop"),
    ],
)
def test_a_name_that_would_not_work_is_refused_with_a_better_one(name: str, why: str, hint: str) -> None:
    with pytest.raises(UsageError, match=why) as refused:
        check_name(name)
    assert (refused.value.code, refused.value.hint) == ("name-unfit", hint)


# -- what is in it


@pytest.mark.parametrize(("sign_in", "queue"), COMBINATIONS)
@pytest.mark.parametrize("lock", ["", LOCK], ids=["pip", "uv"])
def test_each_choice_leaves_nothing_unfilled_and_nothing_to_do(
    tmp_path: Path, sign_in: SignIn, queue: Queue, lock: str
) -> None:
    folder = write(tmp_path, Choices("my_shop", sign_in, queue), lock)
    for path in (path for path in folder.rglob("*") if path.is_file()):
        text = path.read_text()
        assert "{{" not in text, path
        assert not text or text.endswith("\n"), path
        if path.suffix == ".py":
            compile(text, str(path), "exec")
    configuration = load_configuration(folder / "ferryman.toml")
    assert (configuration.app.name, configuration.app.roles.web.health) == ("my-shop", "/health/")
    plan = plan_project(folder)
    assert plan.findings.production == {}
    assert plan.findings.lacking == ()
    assert plan.findings.python == "3.13"


def test_ruff_and_black_have_nothing_to_say_whatever_the_name(tmp_path: Path) -> None:
    for name in (SHORTEST, LONGEST):
        for sign_in, queue in COMBINATIONS:
            write(tmp_path / f"{sign_in}-{queue}", Choices(name, sign_in, queue), LOCK)
    for folder in sorted(tmp_path.glob("*/*")):
        subprocess.run([BIN / "ruff", "check", "--quiet", "--no-cache", "."], cwd=folder, check=True)
        subprocess.run([BIN / "black", "--check", "--quiet", "."], cwd=folder, check=True)


@pytest.mark.parametrize("queue", Queue)
def test_the_roles_and_accessories_are_those_of_the_queue(tmp_path: Path, queue: Queue) -> None:
    configuration = load_configuration(write(tmp_path, Choices("shop", queue=queue)) / "ferryman.toml")
    found = (
        sorted(configuration.app.roles.others),
        sorted(configuration.accessories),
        list(configuration.app.schedules),
    )
    expected = {
        Queue.NONE: ([], [], ["clear-sessions"]),
        Queue.CELERY: (["beat", "worker"], ["redis"], []),
        Queue.PROCRASTINATE: (["worker"], [], []),
    }
    assert found == expected[queue]


def test_the_pins_are_those_of_what_is_asked_for_and_no_others() -> None:
    pins = (
        "amqp==5.4\n    # via kombu\ncelery==5.7\ndjango==5.2\nkombu==5.7\n    # via celery\n"
        "sqlparse==0.6\n    # via\n    #   django\n    #   black\n"
        "tzdata==2026.6 ; sys_platform == 'win32'\n    # via django\n"
    )
    assert requirements(pins, ["Django>=5.2,<5.3"]) == [
        "django==5.2",
        "sqlparse==0.6",
        "tzdata==2026.6 ; sys_platform == 'win32'",
    ]
    assert requirements(pins, ["celery[redis]>=5"]) == ["amqp==5.4", "celery==5.7", "kombu==5.7"]


def test_without_uv_the_image_gets_no_tool_of_the_tests() -> None:
    files = render(Choices("shop"), "", with_workflows=False)
    served, tools = (files[name].decode() for name in ("requirements.txt", "requirements-dev.txt"))
    assert {"django", "gunicorn", "psycopg"} <= {line.partition("==")[0] for line in served.splitlines()}
    assert "pytest" not in served
    assert "celery" not in served
    assert tools.startswith("--requirement requirements.txt\n")
    assert "factory-boy==" in tools


# -- how it is made


def test_it_is_made_with_a_first_commit_that_holds_no_secret(tmp_path: Path) -> None:
    made = make_project(tmp_path, Choices("shop"), Tools(GIT, None))
    assert made.folder == tmp_path / "shop"
    assert made.is_committed
    assert [path.name for path in tmp_path.iterdir()] == ["shop"]

    def git(*words: str) -> str:
        return subprocess.run(["git", *words], cwd=made.folder, check=True, capture_output=True, text=True).stdout

    assert git("status", "--short") == ""
    assert git("branch", "--show-current") == "main\n"
    tracked = git("ls-files").split()
    assert len(tracked) == made.files - 1
    assert ".env" not in tracked
    own = made.folder / ".env"
    assert stat.S_IMODE(own.stat().st_mode) == 0o600
    assert "only-for-development" not in own.read_text()
    assert (made.folder / "manage.py").stat().st_mode & 0o111


def test_check_and_init_find_nothing_in_it(tmp_path: Path) -> None:
    folder = make_project(tmp_path, Choices("shop", queue=Queue.CELERY), Tools(GIT, None)).folder
    configuration = load_configuration(folder / "ferryman.toml")
    assert lint_project(read_project(configuration, folder), []) == []
    report = write_project(folder)
    assert (report.written, report.removed) == ((), ())


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "mine").write_text("mine")
    with pytest.raises(UsageError) as refused:
        make_project(tmp_path, Choices("shop"), PLAIN)
    assert refused.value.code == "folder-exists"
    assert [path.name for path in tmp_path.rglob("*")] == ["shop", "mine"]


def test_where_nothing_can_be_written_nothing_is_left_behind(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        make_project(tmp_path / "missing", Choices("shop"), PLAIN)
    assert refused.value.code == "not-writable"
    assert list(tmp_path.iterdir()) == []


def test_in_a_repository_it_gets_none_of_its_own_and_no_workflows(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    made = make_project(tmp_path, Choices("shop"), Tools(GIT, None))
    assert not made.is_committed
    assert not (made.folder / ".git").exists()
    assert not (made.folder / ".github").exists()
    assert any("`ferryman init` writes the workflows" in note for note in made.notes)


def test_a_commit_that_fails_is_told_and_the_project_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_AUTHOR_NAME", "")
    made = make_project(tmp_path, Choices("shop"), Tools(GIT, None))
    assert not made.is_committed
    assert (made.folder / "manage.py").is_file()
    assert any(note.startswith("not committed, git commit failed: ") for note in made.notes)


def test_where_uv_can_make_no_lock_the_versions_are_pinned(tmp_path: Path) -> None:
    uv = tmp_path / "uv"
    uv.write_text("#!/bin/sh\necho 'no network' >&2\nexit 2\n")
    uv.chmod(0o755)
    made = make_project(tmp_path, Choices("shop"), Tools(None, str(uv)))
    assert (made.folder / "requirements-dev.txt").is_file()
    assert not (made.folder / "uv.lock").exists()
    assert made.notes == ("uv could make no lock, requirements.txt pins the versions instead: no network",)


def test_the_template_is_in_the_wheels(tmp_path: Path) -> None:
    wanted = {
        path.relative_to(ROOT / "src").as_posix()
        for path in (ROOT / "src/ferryman/new/template").rglob("*")
        if path.is_file()
    }
    assert len(wanted) > 30
    (tmp_path / "own.whl").write_bytes(build_wheel())
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path / "built")]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = (tmp_path / "built").glob("*.whl")
    for wheel in (tmp_path / "own.whl", built):
        with zipfile.ZipFile(wheel) as archive:
            assert wanted - set(archive.namelist()) == set(), wheel
