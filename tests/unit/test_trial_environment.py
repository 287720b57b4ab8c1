"""What a project's test environment is made of: its Python, its requirements, and values for its variables."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferryman.config import load_configuration
from ferryman.packaging.pythons import find_python
from ferryman.trial.environment import PythonMissing, find_requirements, interpreter
from ferryman.trial.environment.interpreter import find_interpreter, nearest, python_bounds
from ferryman.trial.environment.making import project_tree
from ferryman.trial.environment.placeholders import placeholders
from ferryman.trial.tools import find_tool

SHOP = '[app]\nname = "shop"\nimage = "acme/shop"\n[app.roles.web]\n'
PROJECT = '[project]\nname = "shop"\nversion = "1"\ndependencies = ["django"]\n'


def required(folder: Path, files: dict[str, str], more: str = "") -> tuple[list[str], frozenset[str]]:
    """The words that are installed, with paths relative to the folder; and the names of the packages."""
    for name, text in {"ferryman.toml": SHOP + more, "manage.py": "", **files}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    configuration = load_configuration(folder / "ferryman.toml")
    found = find_requirements(configuration, project_tree(configuration), folder)
    words = [word.replace(f"{folder}/", "") for call in found.calls for word in call]
    return [word for word in words if word != "--requirement"], found.names


@pytest.mark.parametrize(
    ("files", "words", "names"),
    [
        ({"requirements.txt": "django\n"}, ["requirements.txt"], {"django"}),
        (
            {"requirements.txt": "django\n", "requirements-dev.txt": "-r requirements.txt\nBlack==24.1\n"},
            ["requirements.txt", "requirements-dev.txt"],
            {"django", "black"},
        ),
        (
            {
                "requirements/base.txt": "django\n",
                "requirements/production.txt": "-r base.txt\ngunicorn\n",
                "requirements/local.txt": "-r base.txt\nfactory_boy\n",
            },
            ["requirements/production.txt", "requirements/local.txt"],
            {"django", "gunicorn", "factory-boy"},
        ),
        (
            {"requirements.txt": "django\n", "requirements/test.txt": "pytest\n", "requirements/dev.txt": "ipython\n"},
            ["requirements.txt", "requirements/test.txt"],
            {"django", "pytest"},
        ),
        (
            {
                "requirements.txt": "django\n",
                "pyproject.toml": '[dependency-groups]\ntest = ["pytest", {include-group = "x"}]\nx = []\ndocs = []\n',
            },
            ["requirements.txt", "--group", "pyproject.toml:test"],
            {"django", "pytest"},
        ),
        (
            {
                "pyproject.toml": PROJECT
                + '[project.optional-dependencies]\ntests = ["pytest"]\nprod = ["gunicorn"]\n'
                + '[dependency-groups]\ndev = ["ruff>=1"]\n'
            },
            ["pyproject.toml", "--extra", "tests", "--group", "pyproject.toml:dev"],
            {"django", "gunicorn", "pytest", "ruff"},
        ),
        (
            {
                "requirements.txt": "django\n",
                "pyproject.toml": PROJECT + '[project.optional-dependencies]\ntest = ["pytest", "shop[x]"]\nx = []\n',
            },
            ["requirements.txt", "extras.txt"],
            {"django", "pytest"},
        ),
    ],
)
def test_what_the_tests_need_is_found(tmp_path: Path, files: dict[str, str], words: list[str], names: set[str]) -> None:
    assert required(tmp_path, files) == (words, frozenset(names))


def test_files_that_are_named_win_over_what_is_found(tmp_path: Path) -> None:
    files = {"requirements.txt": "django\n", "requirements-dev.txt": "black\n", "more.txt": "ruff\n"}
    assert required(tmp_path, files, '[pipeline]\ntest_requirements = ["more.txt"]\n')[0] == [
        "requirements.txt",
        "more.txt",
    ]
    assert required(tmp_path, files, '[pipeline]\nrequirements = ["more.txt"]\n')[0] == ["more.txt"]


def test_poetrys_optional_packages_come_where_an_extra_is_for_tests(tmp_path: Path) -> None:
    lock = (
        '[[package]]\nname = "pytest"\nversion = "8"\noptional = true\nfiles = []\n'
        '[[package]]\nname = "shared"\nversion = "1"\nfiles = []\n'
        '[package.source]\ntype = "git"\nurl = "https://git.example.com/shared"\nresolved_reference = "abc"\n'
    )
    poetry = '[tool.poetry]\nname = "shop"\n'
    required(tmp_path, {"pyproject.toml": poetry, "poetry.lock": lock})
    assert (tmp_path / "locked.txt").read_text() == "shared @ git+https://git.example.com/shared@abc\n"
    required(tmp_path, {"pyproject.toml": poetry + '[tool.poetry.extras]\ntest = ["pytest"]\n', "poetry.lock": lock})
    assert "pytest==8\n" in (tmp_path / "locked.txt").read_text()


# -- the Python


@pytest.mark.parametrize(
    ("pyproject", "bounds"),
    [
        ('[project]\nrequires-python = ">=3.10, <3.13"\n', ">=3.10,<3.13"),
        ('[tool.poetry.dependencies]\npython = "^3.11"\n', ">=3.11,<4"),
        ('[tool.poetry.dependencies]\npython = "~3.12"\n', "==3.12.*"),
        ('[tool.poetry.dependencies]\npython = "3.12.*"\n', "==3.12.*"),
        ("[project]\n", ""),
        ("no TOML", ""),
    ],
)
def test_bounds_are_written_as_uv_reads_them(pyproject: str, bounds: str) -> None:
    assert python_bounds({"back/pyproject.toml": pyproject}, ["back", ""]) == bounds


def test_the_nearest_python_comes_first() -> None:
    assert nearest("3.12", ["3.9.1", "3.11.2", "3.13.0", "3.14.1", "3.11.9"]) == ["3.13", "3.11", "3.14", "3.9"]


def machine(monkeypatch: pytest.MonkeyPatch, installed: dict[str, str]) -> None:
    """A machine that can't fetch a Python, and has these."""

    def find(_: str, request: str) -> str:
        return installed.get(request, "")

    monkeypatch.setattr(interpreter, "_find", find)
    monkeypatch.setattr(interpreter, "_ask", lambda *_, **__: None)
    monkeypatch.setattr(interpreter, "_installed", lambda _: ["3.11.2", "3.10.4"])


def test_where_none_can_be_fetched_a_compatible_one_is_taken_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ferryman.toml").write_text(SHOP)
    configuration = load_configuration(tmp_path / "ferryman.toml")
    texts = {"pyproject.toml": '[project]\nrequires-python = ">=3.10,<3.13"\n'}
    asked = find_python(texts, [""])
    machine(monkeypatch, {">=3.10,<3.13,==3.11.*": "/usr/bin/python3.11"})
    found = find_interpreter("uv", configuration, texts, [""])
    assert found.path == "/usr/bin/python3.11"
    assert found.remark == f"Python 3.11 in place of {asked}, which can't be fetched here"
    machine(monkeypatch, {})
    with pytest.raises(PythonMissing) as missing:
        find_interpreter("uv", configuration, texts, [""])
    assert str(missing.value) == f"Python {asked} can't be fetched here, and none on this machine fits >=3.10,<3.13"


def test_uv_itself_finds_the_python_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "ferryman.toml").write_text(SHOP + '[pipeline]\npython = "3.11"\n')
    found = find_interpreter(find_tool("uv"), load_configuration(tmp_path / "ferryman.toml"), {}, [""])
    assert (Path(found.path).exists(), found.remark) == (True, "")


# -- placeholders


def test_each_required_variable_gets_a_value_of_its_type() -> None:
    settings = (
        'A = int(os.environ["WORKERS"])\nB = env.int("LIMIT")\nC = config("RATIO", cast=float)\n'
        'D = float(os.environ.get("SHARE"))\nE = env.url("API")\nF = env.bool("ON")\nG = env.json("TABLE")\n'
        'H = env.int("SMTP_URL")\n'
    )
    names = ["WORKERS", "LIMIT", "RATIO", "SHARE", "API", "ON", "TABLE", "SMTP_URL"]
    names += ["PAY_URL", "REDIS_URL", "SENTRY_DSN", "DB_PORT", "TOKEN"]
    assert placeholders(names, [settings, "not python ("]) == {
        "WORKERS": "1",
        "LIMIT": "1",
        "RATIO": "1.0",
        "SHARE": "1.0",
        "API": "http://localhost/",
        "ON": "0",
        "TABLE": "{}",
        "SMTP_URL": "1",
        "PAY_URL": "http://localhost/",
        "REDIS_URL": "redis://localhost:6379/0",
        "SENTRY_DSN": "",
        "DB_PORT": "1",
        "TOKEN": "unset",
    }
