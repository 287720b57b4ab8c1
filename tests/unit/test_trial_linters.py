"""Which linters a project has, and the baseline of those that came after its code."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from ferryman.config import Configuration, load_configuration
from ferryman.errors import FerrymanError
from ferryman.trial.code import try_code
from ferryman.trial.environment import TestEnvironment, make_environment
from ferryman.trial.linters import format_code, lint, write_baseline
from ferryman.trial.linters.baseline import HEADER, Baseline, grown, parse_baseline, shrunk
from ferryman.trial.linters.choice import Linter, choose_linters, read_tools
from ferryman.trial.linters.running import find_files
from ferryman.trial.outcomes import Outcomes

TOML = '[app]\nname = "shop"\nimage = "acme/shop"\n[app.roles.web]\n[pipeline]\npython = "3.11"\n'
UGLY = "import os\nx = {  'a':1 }\n"
TIDY = 'x = {"a": 1}\n'


# -- the choice


def chosen(folder: Path, files: dict[str, str], *names: str) -> list[str]:
    for name, text in files.items():
        (folder / name).write_text(text)
    found = choose_linters(read_tools([folder], frozenset(names)), "3.13")
    return [f"{linter.name}: {linter.reason}" for linter in found]


@pytest.mark.parametrize(
    ("files", "names", "expected"),
    [
        ({}, [], ["ruff: Ruff's default rules", "black: by default"]),
        ({"pyproject.toml": "[tool.black]\n"}, [], ["ruff: Ruff's default rules", "black: the project's own"]),
        ({"pyproject.toml": "[tool.ruff.lint]\n"}, [], ["ruff: the project's rules", "ruff format: the project's own"]),
        ({"ruff.toml": ""}, ["black"], ["ruff: the project's rules", "black: the project's own"]),
        ({"ruff.toml": "[format]\n"}, [], ["ruff: the project's rules", "ruff format: the project's own"]),
        (
            {".pre-commit-config.yaml": "hooks:\n- id: ruff-format\n"},
            [],
            ["ruff: Ruff's default rules", "ruff format: the project's own"],
        ),
        ({"setup.cfg": "[flake8]\n"}, ["flake8"], ["flake8: the project's own", "black: by default"]),
        ({"setup.cfg": "[flake8]\n"}, [], ["ruff: Ruff's default rules", "black: by default"]),
        (
            {".flake8": "[flake8]\n", ".isort.cfg": "[settings]\n"},
            ["flake8", "isort", "black"],
            ["flake8: the project's own", "isort: the project's own", "black: the project's own"],
        ),
        (
            {"tox.ini": "[flake8]\n", "setup.cfg": "[tool:isort]\n"},
            ["isort"],
            ["ruff: Ruff's default rules", "isort: the project's own", "black: by default"],
        ),
        ({"setup.cfg": "# [flake8]\n"}, ["flake8"], ["ruff: Ruff's default rules", "black: by default"]),
    ],
)
def test_a_projects_own_linter_wins(
    tmp_path: Path, files: dict[str, str], names: list[str], expected: list[str]
) -> None:
    assert chosen(tmp_path, files, *names) == expected


# -- the list


def test_the_baseline_is_read_as_it_is_written() -> None:
    baseline = Baseline({"ruff format": frozenset({"a b.py"}), "black": frozenset({"b.py", "a.py"})})
    assert baseline.text() == HEADER + "black: a.py\nblack: b.py\nruff format: a b.py\n"
    assert parse_baseline(baseline.text()) == baseline
    assert parse_baseline("# black: a.py\n\nnothing\n") == Baseline()


def test_the_baseline_only_shrinks() -> None:
    before = parse_baseline("black: a.py\nblack: b.py\n")
    after = shrunk(before, {"black": {"b.py", "c.py"}, "ruff": {"d.py"}, "isort": set()})
    assert after == parse_baseline("black: b.py\nruff: d.py\n")
    assert grown(before, after) == []
    assert grown(before, parse_baseline("black: c.py\nblack: a.py\n")) == ["black: c.py"]


# -- real linters


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> TestEnvironment:
    """An environment with the linters of a project that has some."""
    folder = tmp_path_factory.mktemp("made")
    for name, text in {"requirements-dev.txt": "flake8\nisort\n", "ferryman.toml": TOML, "manage.py": ""}.items():
        (folder / name).write_text(text)
    return make_environment(load_configuration(folder / "ferryman.toml"))


def project(folder: Path, **files: str) -> Configuration:
    for name, text in {"manage.py": "", "ferryman.toml": TOML, ".gitignore": ".ferryman/\n"}.items():
        (folder / name).write_text(text)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return load_configuration(folder / "ferryman.toml")


def linted(configuration: Configuration, made: TestEnvironment) -> dict[str, tuple[str, str]]:
    outcomes = Outcomes("Code quality", {}, lambda _: None)
    lint(replace(made, root=configuration.root, folder=configuration.root, names=frozenset()), outcomes)
    return {check.name: (check.state, check.detail) for check in outcomes.checks}


def test_code_that_was_there_before_its_linters_passes_with_a_baseline_that_shrinks(
    tmp_path: Path, made: TestEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = project(tmp_path, old=UGLY, older=UGLY, tidy=TIDY)
    here = replace(made, root=tmp_path, folder=tmp_path, names=frozenset())
    monkeypatch.setattr("ferryman.trial.linters.running.make_environment", lambda _: here)
    assert {name: state for name, (state, _) in linted(shop, made).items()} == {"ruff": "failed", "black": "failed"}
    assert "`ferryman test code --update-baseline`" in linted(shop, made)["black"][1]
    written = write_baseline(shop)
    assert written == parse_baseline("ruff: old.py\nruff: older.py\nblack: old.py\nblack: older.py\n")
    assert parse_baseline((tmp_path / ".ferryman-baseline").read_text()) == written
    told = linted(shop, made)
    assert told["ruff"] == ("ok", "Ruff's default rules; 2 on the baseline")
    assert told["black"] == ("ok", "by default; 2 on the baseline")

    project(tmp_path, new=UGLY)
    assert linted(shop, made)["black"] == (
        "failed",
        "it found something in new.py; `black .` puts most of it right; not on the baseline",
    )
    write_baseline(shop)
    assert linted(shop, made)["black"][0] == "failed", "an update adds no file"
    (tmp_path / "new.py").unlink()

    project(tmp_path, old=TIDY)
    assert linted(shop, made)["ruff"] == (
        "failed",
        "old.py: nothing is found there any more; `ferryman test code --update-baseline` takes it off the baseline",
    )
    write_baseline(shop)
    assert {state for state, _ in linted(shop, made).values()} == {"ok"}
    assert format_code(shop) == "black"
    (tmp_path / "older.py").write_text(TIDY)
    assert write_baseline(shop) == Baseline()
    assert not (tmp_path / ".ferryman-baseline").exists()


def test_an_entry_that_a_commit_adds_is_refused(
    tmp_path: Path, made: TestEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = project(tmp_path, old=UGLY, new=UGLY)
    here = replace(made, root=tmp_path, folder=tmp_path, names=frozenset())
    monkeypatch.setattr("ferryman.trial.code.make_environment", lambda _: here)
    monkeypatch.setattr("ferryman.trial.code._migrations", lambda *_: None)
    git(tmp_path, "init", "--quiet")
    for names in ("old",), ("old", "new"):
        lines = [f"{linter}: {name}.py\n" for linter in ("black", "ruff") for name in names]
        (tmp_path / ".ferryman-baseline").write_text("".join(lines))
        git(tmp_path, "add", "--all")
        git(tmp_path, "commit", "--quiet", "--message", "x")
    outcomes = Outcomes("Code quality", {}, lambda _: None)
    with pytest.raises(FerrymanError, match="baseline failed"):
        try_code(shop, "", outcomes)
    detail = "the baseline is only allowed to shrink; added: black: new.py, ruff: new.py"
    assert outcomes.checks[-1].detail == detail


def git(folder: Path, *arguments: str) -> None:
    author = ["-c", "user.name=Test", "-c", "user.email=test@example.com"]
    subprocess.run(["git", *author, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("name", ["flake8", "isort", "ruff format", "black", "ruff"])
def test_every_linter_names_the_files_in_which_it_finds_something(
    tmp_path: Path, made: TestEnvironment, name: str
) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.ruff.format]\n" if name == "ruff format" else "")
    (tmp_path / "setup.cfg").write_text("[flake8]\n[isort]\n" if name in ("flake8", "isort") else "")
    (tmp_path / "inner" / "migrations").mkdir(parents=True)
    for path in ("ugly.py", "inner/ugly.py", "inner/migrations/0001_ugly.py"):
        (tmp_path / path).write_text("import os\nimport abc\nx = {  'a':1 }\n")
    (tmp_path / "tidy.py").write_text(TIDY)
    here = replace(made, root=tmp_path, folder=tmp_path)
    (linter,) = (found for found in linters(here) if found.name == name)
    assert find_files(linter, here) == {"ugly.py", "inner/ugly.py"}


def linters(environment: TestEnvironment) -> tuple[Linter, ...]:
    return choose_linters(read_tools([environment.root], environment.names), "3.11")
