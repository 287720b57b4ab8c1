"""How a project's own tests are found, run and counted: small projects in one real environment."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from ferryman.config import load_configuration
from ferryman.errors import FerrymanError
from ferryman.trial import unit
from ferryman.trial.environment import TestEnvironment, make_environment
from ferryman.trial.environment.making import app_variables
from ferryman.trial.outcomes import Outcomes
from ferryman.trial.suite import reached_coverage
from ferryman.trial.suite.coverage import names_its_scope
from ferryman.trial.suite.files import TestFiles, find_test_files
from ferryman.trial.suite.pytest_configuration import find_pytest_configuration
from ferryman.trial.suite.runner import Evidence, choose_runner
from ferryman.trial.suite.settings import candidate_settings, manage_defaults, management_settings

TOML = '[app]\nname = "shop"\nimage = "acme/shop"\n[app.roles.web]\n[pipeline]\npython = "3.11"\n'
CASE = """\
from django.test import TestCase


class PageTest(TestCase):
    def test_one(self):
        self.assertEqual(1, 1)

    def test_two(self):
        self.skipTest("not here")
"""
FUNCTION = "def test_a_function():\n    assert True\n"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TestEnvironment:
    """A project as startproject and startapp leave it, and its environment."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "requirements.txt").write_text("django\n")
    (folder / "ferryman.toml").write_text(TOML)
    (folder / "manage.py").write_text("")
    made = make_environment(load_configuration(folder / "ferryman.toml"))
    (folder / "manage.py").unlink()
    for words in (["startproject", "shop", "."], ["startapp", "orders"]):
        subprocess.run([made.python, "-m", "django", *words], cwd=folder, check=True)
    return made


class Project:
    """A copy of that project in a folder of its own, with files of its own."""

    def __init__(self, made: TestEnvironment, folder: Path, files: Mapping[str, str]) -> None:
        shutil.copytree(made.root, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".ferryman"))
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        self.configuration = load_configuration(folder / "ferryman.toml")
        self.environment = replace(made, root=folder, folder=folder)

    def try_units(self, monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, str]]:
        """The state and the detail of each check."""
        monkeypatch.setattr(unit, "make_environment", lambda _: self.environment)
        outcomes = Outcomes("Unit tests", {}, lambda _: None)
        with suppress(FerrymanError):
            unit.try_units(self.configuration, outcomes)
        return {check.name: (check.state, check.detail) for check in outcomes.checks}


# -- real runs


def test_startapps_own_tests_are_found_by_djangos_runner(
    made: TestEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = Project(made, tmp_path, {"orders/tests.py": CASE})
    told = project.try_units(monkeypatch)
    assert told["tests"] == ("ok", "2 tests: 1 passed, 1 skipped (manage.py test, Django's runner)")
    state, detail = told["coverage"]
    assert (state, detail.endswith(" %, no limit is set")) == ("ok", True)
    assert 0 < (reached_coverage(project.configuration) or 0) < 100


def test_a_failure_is_counted_and_a_limit_that_is_set_holds(
    made: TestEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"orders/tests.py": CASE.replace("1, 1", "1, 2"), "ferryman.toml": TOML + "coverage = 99\n"}
    told = Project(made, tmp_path, files).try_units(monkeypatch)
    assert told["tests"] == ("failed", "manage.py test ended with status 1: 1 failed, 1 skipped")
    assert told["coverage"][0] == "failed"
    assert "[pipeline] coverage asks for 99 %" in told["coverage"][1]


def test_pytests_configuration_wins_and_pytest_counts(
    made: TestEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "pytest.ini": "[pytest]\nDJANGO_SETTINGS_MODULE = shop.settings\npython_files = check_*.py\n",
        "orders/check_page.py": CASE + "\n\n" + FUNCTION,
        "orders/tests.py": CASE,
    }
    told = Project(made, tmp_path, files).try_units(monkeypatch)
    assert told["tests"] == ("ok", "3 tests: 2 passed, 1 skipped (pytest, as pytest.ini says)")
    assert told["coverage"][0] == "ok"


def test_without_a_configuration_pytest_finds_functions_and_startapps_tests(
    made: TestEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Project(made, tmp_path, {"orders/tests.py": CASE, "tests/test_f.py": FUNCTION}).try_units(monkeypatch)
    assert told["tests"] == ("ok", "3 tests: 2 passed, 1 skipped (pytest, tests/test_f.py needs it)")


def test_a_project_without_a_test_passes_with_a_warning(
    made: TestEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Project(made, tmp_path, {}).try_units(monkeypatch)
    assert told["tests"] == ("warning", "the project has no test")
    assert told["coverage"] == ("skipped", "no test")


def test_tests_of_which_none_is_found_fail(
    made: TestEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Project(made, tmp_path, {"checks/api/test_page.py": CASE}).try_units(monkeypatch)
    assert told["tests"] == (
        "failed",
        "manage.py test found no test, though there are some (checks/api/test_page.py): "
        "is there an __init__.py in each of their folders?",
    )


def test_the_tests_own_settings_are_tried_and_taken(
    made: TestEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marked = "from django.conf import settings\n" + CASE.replace("1, 1", "settings.MARK, 1")
    files = {
        "Makefile": "test:\n\tpython manage.py test --settings=shop.gone\n",
        "shop/settings_test.py": "from shop.settings import *\n\nMARK = 1\n",
        "orders/tests.py": marked,
    }
    project = Project(made, tmp_path, files)
    told = project.try_units(monkeypatch)
    reason = "manage.py test, Django's runner, settings shop.settings_test"
    assert told["tests"] == ("ok", f"2 tests: 1 passed, 1 skipped ({reason})")
    assert management_settings(project.environment, {}) == {}
    (tmp_path / "shop" / "settings_test.py").write_text((tmp_path / "shop" / "settings.py").read_text())
    (tmp_path / "shop" / "settings.py").write_text("import gone\n")
    used = {"DJANGO_SETTINGS_MODULE": "shop.settings_test"}
    assert management_settings(project.environment, {}) == used, "manage.py's own can't be imported"


@pytest.mark.parametrize(
    ("more", "runner"),
    [({}, "manage.py test, Django's runner"), ({"tests/test_f.py": FUNCTION}, "pytest, tests/test_f.py needs it")],
)
def test_productions_settings_are_not_those_of_the_tests(
    made: TestEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, str], runner: str
) -> None:
    monkeypatch.delenv("DJANGO_SETTINGS_MODULE", raising=False)
    asked = "from django.conf import settings\n" + CASE.replace("1, 1", "settings.SETTINGS_MODULE, 'shop.settings'")
    production = (
        '[app.env]\nrequired = ["KEY"]\n[app.env.values]\nDJANGO_SETTINGS_MODULE = "shop.settings_production"\n'
    )
    files = {
        "ferryman.toml": TOML + production + '[rehearsal.env]\nKEY = "sk_test_0"\n',
        "Dockerfile": "FROM python:3.11\nENV DJANGO_SETTINGS_MODULE=shop.settings_production\n",
        "shop/settings_production.py": 'raise RuntimeError("these are of production")\n',
        "orders/tests.py": asked,
    }
    project = Project(made, tmp_path, files | more)
    project.environment = replace(project.environment, variables=app_variables(project.configuration, {}))
    state, detail = project.try_units(monkeypatch)["tests"]
    assert (state, detail.endswith(f"({runner})")) == ("ok", True)
    assert management_settings(project.environment, project.environment.with_variables({})) == {}


def test_a_test_command_of_ones_own_wins(
    made: TestEnvironment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {"orders/tests.py": CASE, "ferryman.toml": TOML + 'test = ["python", "-m", "unittest", "orders.none"]\n'}
    told = Project(made, tmp_path, files).try_units(monkeypatch)
    assert told["tests"] == ("failed", "python ended with status 1")


# -- decisions


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"pytest.ini": ""}, ("pytest.ini", (), False)),
        ({"pyproject.toml": "[tool.black]\n"}, None),
        (
            {"pyproject.toml": '[tool.pytest.ini_options]\nDJANGO_SETTINGS_MODULE = "a.b"\naddopts = "--cov=a -x"\n'},
            ("pyproject.toml", ("--cov=a", "-x"), True),
        ),
        (
            {"pyproject.toml": '[tool.pytest]\naddopts = ["--ds=a.test", "-q"]\n'},
            ("pyproject.toml", ("--ds=a.test", "-q"), True),
        ),
        ({"tox.ini": "[tox]\n[pytest]\naddopts = -v\n"}, ("tox.ini", ("-v",), False)),
        (
            {"setup.cfg": "[tool:pytest]\nenv =\n    D:DJANGO_SETTINGS_MODULE=a.b\n", "tox.ini": "[tox]\n"},
            ("setup.cfg", (), True),
        ),
        ({"setup.cfg": "[flake8]\n# [tool:pytest]\n"}, None),
        ({"setup.cfg": "not an ini"}, None),
    ],
)
def test_pytests_configuration_is_read_from_the_file_that_pytest_takes(
    tmp_path: Path, files: dict[str, str], expected: tuple[str, tuple[str, ...], bool] | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    found = find_pytest_configuration([tmp_path / "backend", tmp_path])
    assert (found and (found.path.name, found.options, found.names_settings)) == expected


def test_pytest_runs_where_its_configuration_stands_and_measures_once(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --cov=shop\n")
    configuration = find_pytest_configuration([tmp_path])
    evidence = Evidence(tmp_path / "backend", configuration, TestFiles({}, ()), frozenset({"pytest"}))
    runner = choose_runner(evidence)
    assert (runner.folder, runner.measures_coverage) == (tmp_path, True)
    assert runner.words == ("-m", "pytest", "-p", "no:django"), "a project without pytest-django does not expect it"
    with_plugin = replace(evidence, names=frozenset({"pytest", "pytest-django"}))
    assert choose_runner(with_plugin).words == ("-m", "pytest")


def test_test_files_are_those_that_a_runner_would_take(tmp_path: Path) -> None:
    for name, text in {
        "a/tests.py": CASE,
        "a/test_b.py": FUNCTION,
        "a/views_test.py": "class T:\n    async def test_it(self): ...\n",
        "a/testing.py": FUNCTION,
        "a/test_old.py": "print 'python 2'\n",
        "a/conftest.py": "",
        "venv/test_c.py": FUNCTION,
        "mine/pyvenv.cfg": "",
        "mine/lib/test_d.py": FUNCTION,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = find_test_files(tmp_path)
    assert found.counts == {"a/tests.py": 2, "a/test_b.py": 1, "a/views_test.py": 1, "a/test_old.py": 0}
    assert found.of_pytest == ("a/conftest.py", "a/test_b.py")


def test_settings_of_the_tests_are_found_by_their_calls_and_by_their_names(tmp_path: Path) -> None:
    for name, text in {
        "manage.py": 'import os\nos.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.local")\n',
        "config/settings/local.py": "",
        "config/settings/test.py": "",
        "tests/settings.py": "",
        "tests/test_views.py": "",
        ".github/workflows/ci.yml": "run: python manage.py test --settings config.ci_settings\n",
        "tox.ini": "DJANGO_SETTINGS_MODULE=config.tox python manage.py test\n",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    found = candidate_settings(tmp_path, tmp_path)
    assert found == ["config.tox", "config.ci_settings", "config.settings.test", "tests.settings"]
    defaults = manage_defaults((tmp_path / "manage.py").read_text())
    assert defaults == {"DJANGO_SETTINGS_MODULE": "config.settings.local"}


@pytest.mark.parametrize(
    ("source", "has_scope"), [("", False), ("[run]\nsource = shop\n", True), ("[run]\nsource = *shop*\n", False)]
)
def test_coverage_goes_by_the_projects_sources_where_there_are_such(
    made: TestEnvironment, tmp_path: Path, source: str, has_scope: bool
) -> None:
    (tmp_path / "shop").mkdir()
    (tmp_path / ".coveragerc").write_text(source)
    assert names_its_scope(made.python, tmp_path) is has_scope
