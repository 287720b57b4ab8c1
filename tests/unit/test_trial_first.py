"""The first push, tried by `init`: green or red is said before, and what it needs is written."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ferryman.project.writing import write_project
from ferryman.trial.first import Job, try_first

PERSON = ("-c", "user.name=Tester", "-c", "user.email=tester@example.invalid")
TESTS = """\
from django.test import SimpleTestCase
class TheTest(SimpleTestCase):
    def test_sums( self ): self.assertEqual(1 + 1, 2)
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "shop"
    folder.mkdir()
    for words in (["startproject", "shop", "."], ["startapp", "cakes"]):
        subprocess.run([sys.executable, "-m", "django", *words], cwd=folder, check=True)
    (folder / "requirements.txt").write_text("django~=5.2.0\n")
    subprocess.run(["git", "init", "--quiet", "--initial-branch=main"], cwd=folder, check=True)
    subprocess.run(["git", "add", "--all"], cwd=folder, check=True)
    subprocess.run(["git", *PERSON, "commit", "--quiet", "--message=Begin"], cwd=folder, check=True)
    return folder


def test_a_job_that_takes_too_long_is_stopped_and_said(project: Path) -> None:
    write_project(project, is_quick=True)
    told: list[str] = []
    try_first(project / "ferryman.toml", told.append, sets_coverage=True, seconds=0.01)
    assert [line.partition(":")[0] for line in told] == ["code", "unit"]
    assert all("not ended within" in line and "and stopped; `ferryman test" in line for line in told)


@pytest.mark.slow
def test_what_startproject_and_startapp_make_is_green(project: Path) -> None:
    write_project(project, is_quick=True)
    told: list[str] = []
    try_first(project / "ferryman.toml", told.append, sets_coverage=True)
    code, unit = (next(line for line in told if line.startswith(f"{name}: ")) for name in ("code", "unit"))
    assert code.startswith("code: green")
    assert unit.startswith("unit: green")
    assert "the project has no test" in unit
    assert "pipeline" not in tomllib.loads((project / "ferryman.toml").read_text())
    assert not (project / "db.sqlite3").exists()


@pytest.mark.slow
def test_code_that_nobody_formatted_gets_a_baseline_and_coverage_what_is_reached(project: Path) -> None:
    (project / "cakes" / "tests.py").write_text(TESTS)
    write_project(project, is_quick=True)
    told: list[str] = []
    try_first(project / "ferryman.toml", told.append, sets_coverage=True)
    assert "cakes/tests.py" in (project / ".ferryman-baseline").read_text()
    assert any(line.startswith("unit: green") and "1 test: " in line for line in told)
    assert 0 < tomllib.loads((project / "ferryman.toml").read_text())["pipeline"]["coverage"] <= 100


def test_a_red_job_says_which_check_and_why() -> None:
    checks = (("ok", "dependencies", ""), ("failed", "migrations complete", "makemigrations ended with status 1"))
    told = Job("code", 1, 12.3, checks).told
    assert told.startswith("code: red (12 s): migrations complete: makemigrations ended with status 1;")
    assert Job("unit", 2, 1.0, (), "there is no uv").told.startswith("unit: red (1 s): there is no uv;")
