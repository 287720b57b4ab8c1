"""Runs a project's linters: what they find in files that are not on the baseline fails, and so does a stale entry."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from ferryman.config import Configuration
from ferryman.errors import FerrymanError
from ferryman.trial.environment import TestEnvironment, make_environment
from ferryman.trial.linters.baseline import FILE, UPDATE, Baseline, read_baseline, shrunk
from ferryman.trial.linters.choice import Linter, choose_linters, read_tools
from ferryman.trial.outcomes import Check, CheckFailed, Outcomes
from ferryman.trial.tools import call, find_tool, output

SHOWN = 5
# The program ended by itself, and told what it found: Black has 123 for a file that it can't read, Ruff's format 2.
TOLD = {"ruff": (0, 1), "ruff format": (0, 1, 2), "black": (0, 1, 123), "flake8": (0, 1), "isort": (0, 1)}
RUFF_LINE = re.compile(r"^Would reformat: (.+)$", re.MULTILINE)
BLACK_LINE = re.compile(r"^(?:would reformat|error: cannot format) (.+?)(?:: .*)?$", re.MULTILINE)
ISORT_LINE = re.compile(r"^ERROR: (.+?) Imports are incorrectly sorted", re.MULTILINE)


def lint(environment: TestEnvironment, outcomes: Outcomes) -> None:
    """One check for each linter, and for the formatter."""
    baseline = read_baseline(environment.root)
    for linter in project_linters(environment):
        with outcomes.check(linter.name) as check:
            _check(linter, environment, baseline.of(linter.name), check)


def project_linters(environment: TestEnvironment) -> tuple[Linter, ...]:
    """Those that the project chose, else the defaults."""
    inner = environment.folder.resolve()
    folders = [inner, *(parent for parent in inner.parents if parent.is_relative_to(environment.root))]
    asked = "import sys; print('%d.%d' % sys.version_info[:2])"
    version = output([str(environment.python), "-c", asked], folder=inner).strip()
    return choose_linters(read_tools(folders, environment.names), version)


def write_baseline(configuration: Configuration) -> Baseline:
    """Write the baseline of a project that has none, or take off what no longer belongs on it; return it.

    A project in which nothing is found has no file. FerrymanError `checks-failed` when a linter can't be run.
    """
    with _as_error("baseline"):
        environment = make_environment(configuration)
        found = {linter.name: find_files(linter, environment) for linter in project_linters(environment)}
    baseline, path = shrunk(read_baseline(configuration.root), found), configuration.root / FILE
    if baseline.files:
        path.write_text(baseline.text(), encoding="utf-8")
    else:
        path.unlink(missing_ok=True)
    return baseline


def format_code(configuration: Configuration) -> str:
    """Format the whole code base, in place of a baseline; return the formatter's name. Whether to commit is asked by
    the caller. FerrymanError `checks-failed` when the formatter failed.
    """
    with _as_error("format"):
        environment = make_environment(configuration)
        formatter = project_linters(environment)[-1]
        program, *words = formatter.fix
        output([find_tool(program, environment.bin), *words], folder=environment.folder)
    return formatter.name


def find_files(linter: Linter, environment: TestEnvironment) -> frozenset[str]:
    """The files in which it finds something, relative to the project's folder. CheckFailed when it can't be run.

    Migrations are left out: they are as makemigrations writes them.
    """
    words = [word for word in linter.words if word != "--quiet"]
    if linter.program == "ruff":
        words += ["--output-format", "json"]
    elif linter.name == "flake8":
        words += ["--format", "%(path)s"]
    done = subprocess.run(
        [find_tool(linter.program, environment.bin), *words],
        cwd=environment.folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    named = _paths(linter, done.stdout, done.stderr)
    if done.returncode not in TOLD[linter.name] or bool(named) != bool(done.returncode):
        last = "\n".join((done.stderr.strip() or done.stdout.strip()).splitlines()[-SHOWN:])
        raise CheckFailed(f"{linter.name} ended with status {done.returncode}: {last}")
    paths = {(environment.folder / path).resolve() for path in named}
    root = environment.root.resolve()
    inner = [path.relative_to(root) for path in paths if path.is_relative_to(root)]
    return frozenset(path.as_posix() for path in inner if "migrations" not in path.parts)


def _paths(linter: Linter, told: str, errors: str) -> list[str]:
    if linter.program == "ruff" and told.startswith("["):
        return [finding["filename"] for finding in json.loads(told)]
    patterns = {"ruff format": RUFF_LINE, "black": BLACK_LINE, "isort": ISORT_LINE}
    if linter.name in patterns:
        return patterns[linter.name].findall(told + "\n" + errors)
    return told.splitlines()


def _check(linter: Linter, environment: TestEnvironment, baseline: frozenset[str], check: Check) -> None:
    found = find_files(linter, environment)
    new, stale = sorted(found - baseline), sorted(baseline - found)
    if new:
        paths = [str(environment.root / path) for path in new]
        words = [word for word in linter.words if word != "."]
        call([find_tool(linter.program, environment.bin), *words, *paths], folder=environment.folder)
        fix = f"`{_short(linter)}` puts most of it right" if linter.fix else "it says above what"
        before = "not on the baseline" if baseline else f"for code that was there before: `{UPDATE}`"
        raise CheckFailed(f"it found something in {_listed(new)}; {fix}; {before}")
    if stale:
        raise CheckFailed(f"{_listed(stale)}: nothing is found there any more; `{UPDATE}` takes it off the baseline")
    check.detail = linter.reason + (f"; {len(baseline)} on the baseline" if baseline else "")


def _short(linter: Linter) -> str:
    """The fix as a person types it."""
    program, *words = linter.fix
    kept = [word for word in words if word in ("check", "--fix", "format", ".")]
    return " ".join((program, *kept))


def _listed(paths: list[str]) -> str:
    return ", ".join(paths[:SHOWN]) + (f" and {len(paths) - SHOWN} more" if len(paths) > SHOWN else "")


@contextmanager
def _as_error(what: str) -> Iterator[None]:
    try:
        yield
    except CheckFailed as failure:
        raise FerrymanError("checks-failed", f"{what}: {failure}", state="nothing was written") from None
