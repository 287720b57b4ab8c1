"""A new project as its owner first meets it: the command, its environment from the package index, its own tests."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from ferryman.new.choices import Queue, SignIn

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
POSTGRESQL = """\
import pathlib, sys
from ground.postgresql import local
with local.running(pathlib.Path(sys.argv[1])) as url:
    print(url, flush=True)
    sys.stdin.read()
"""
SETTINGS = {"DATABASE_URL", "DEBUG", "DJANGO_SETTINGS_MODULE", "SECRET_KEY"}
COMMANDS = (
    ("check",),
    ("makemigrations", "--check", "--dry-run"),
    ("spectacular", "--validate", "--fail-on-warn", "--file", os.devnull),
)


def run(folder: Path, *command: str | Path, **variables: str) -> str:
    """What a command writes; it must succeed."""
    done = subprocess.run(
        command,
        cwd=folder,
        env={**{name: os.environ[name] for name in os.environ.keys() - SETTINGS}, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def new(parent: Path, *options: str, path: str) -> Path:
    """Call `ferryman new shop` with the programs on `path`."""
    assert run(parent, BIN / "ferryman", "new", "shop", "--no-git", *options, PATH=path) == "shop\n"
    return parent / "shop"


def install(folder: Path) -> Path:
    """Make the environment as README.md says, with uv in pip's place where it is faster; its Python."""
    if (folder / "uv.lock").exists():
        run(folder, BIN / "uv", "sync", "--quiet", "--frozen", "--python", sys.executable)
    else:
        run(folder, BIN / "uv", "venv", "--quiet", "--python", sys.executable)
        run(folder, BIN / "uv", "pip", "install", "--quiet", "--requirement", "requirements-dev.txt")
    return folder / ".venv/bin/python"


@pytest.fixture(scope="module")
def postgresql() -> Iterator[str]:
    """The DATABASE_URL of a PostgreSQL, with the programs that Harbour's tests have."""
    with tempfile.TemporaryDirectory(prefix="ferryman-") as folder:  # short, as a socket's path has to be
        Path(folder).chmod(0o755)  # the server is another user's when root calls
        command = [sys.executable, "-c", POSTGRESQL, f"{folder}/cluster"]
        with subprocess.Popen(
            command, cwd=ROOT / "service", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            assert url
            yield url
            process.communicate()


def try_out(python: Path, **variables: str) -> None:
    folder = python.parents[2]
    for command in COMMANDS:
        run(folder, python, "manage.py", *command, **variables)
    run(folder, python, "-m", "pytest", "-q", "-W", "error::pytest.PytestWarning", **variables)


def test_a_new_project_runs_and_passes_its_own_tests_without_a_variable_set(tmp_path: Path) -> None:
    folder = new(tmp_path, path=f"{BIN}:{os.environ['PATH']}")
    assert (folder / "uv.lock").exists()
    python = install(folder)
    run(folder, python, "manage.py", "migrate")
    try_out(python)


@pytest.mark.slow
@pytest.mark.parametrize("packages", ["uv", "pip"])
@pytest.mark.parametrize(("sign_in", "queue"), list(product(SignIn, Queue)))
def test_each_choice_passes_its_own_tests_on_postgresql(
    tmp_path: Path, postgresql: str, sign_in: SignIn, queue: Queue, packages: str
) -> None:
    own = str(tmp_path / "bin")
    path = f"{BIN}:{os.environ['PATH']}" if packages == "uv" else own
    folder = new(tmp_path, "--auth", sign_in, "--queue", queue, path=path)
    assert (folder / "uv.lock").exists() == (packages == "uv")
    (folder / ".env").unlink()  # as in the pipeline
    given = {
        "SECRET_KEY": "only-for-the-tests-" + "0123456789" * 4,
        "DATABASE_URL": postgresql,
        "ALLOWED_HOSTS": "shop.test",
    }
    if queue is Queue.CELERY:
        given["CELERY_BROKER_URL"] = "redis://redis:6379/0"
    python = install(folder)
    run(folder, python, "manage.py", "migrate", **given)
    run(folder, python, "manage.py", "check", "--deploy", "--fail-level", "WARNING", FERRYMAN_SCHEME="https", **given)
    try_out(python, **given)
