"""The corpus: small projects of one oddity each, and what `init` makes of them. `make slow` has all, the rest a few."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path

import package_cases
import place_cases
import pytest
import reader_cases
from package_cases import Packaged
from project import Case, judge
from proposal_cases import BEATS, BROKERS, CACHES, QUEUES
from survey_cases import FORMS, HEALTHS, LITERAL, REFUSED

from ferryman.project.detection import detect
from ferryman.project.files import planned_files
from ferryman.survey.environment import find_uv

EVERYDAY = frozenset(
    {"django-environ with parts", "pydantic-settings", "a switch by a variable", "TLS is demanded", "Oracle"}
    | {"static files outside of the project", "settings that exit", "files of node_modules", "settings that print"}
)


def marked(cases: Mapping[str, Case]) -> list[object]:
    """The cases by their names; all but a few are slow."""
    return [
        pytest.param(case, id=name, marks=() if name in EVERYDAY else pytest.mark.slow) for name, case in cases.items()
    ]


@pytest.fixture(scope="session")
def readers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with the libraries that read settings."""
    home = tmp_path_factory.mktemp("readers") / "venv"
    subprocess.run([find_uv(), "venv", "--quiet", "--no-project", str(home)], check=True)
    python = home / "bin" / "python"
    words = [find_uv(), "pip", "install", "--quiet", "--python", str(python), *reader_cases.PACKAGES]
    subprocess.run(words, check=True)
    return python


def test_the_corpus_has_120_small_projects() -> None:
    tables: list[Mapping[str, object]] = [reader_cases.CASES, place_cases.CASES, package_cases.CASES, LITERAL, FORMS]
    tables += [HEALTHS, REFUSED, BROKERS, BEATS, QUEUES, CACHES]
    assert sum(len(table) for table in tables) >= 120


@pytest.mark.parametrize("case", marked(reader_cases.CASES))
def test_settings_are_read_by_whatever_they_use(case: Case, tmp_path: Path, readers: Path) -> None:
    judge(case, tmp_path, readers)


@pytest.mark.parametrize("case", marked(place_cases.CASES))
def test_databases_files_and_habits_are_found(case: Case, tmp_path: Path) -> None:
    judge(case, tmp_path)


@pytest.mark.parametrize("case", package_cases.CASES.values(), ids=package_cases.CASES.keys())
def test_packages_python_and_assets_lead_to_the_right_image(case: Packaged) -> None:
    texts = {path: text for path, text in case.oddity.texts().items() if path in case.files or path not in case.without}
    planned = planned_files(detect(texts, "shop"))
    dockerfile = planned.get("Dockerfile.ferryman") or planned["Dockerfile"]
    for line in case.image:
        assert line in dockerfile, dockerfile
    for line in case.absent:
        assert line not in dockerfile, dockerfile
