"""Runs a project's tests under coverage, and counts them as their own runner does."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from ferryman.trial.environment import TestEnvironment
from ferryman.trial.outcomes import Check, CheckFailed
from ferryman.trial.suite.coverage import names_its_scope, pytest_words, report_words
from ferryman.trial.suite.files import TestFiles, find_test_files
from ferryman.trial.suite.pytest_configuration import find_pytest_configuration
from ferryman.trial.suite.runner import Evidence, Runner, choose_runner
from ferryman.trial.suite.settings import SETTINGS, manage_defaults, tests_settings
from ferryman.trial.tools import call

NO_TESTS = 5  # of pytest, and of Python's unittest since 3.12
USAGE = 4  # of pytest
OUTCOMES = ("passed", "failed", "error", "skipped", "xfailed", "xpassed")
NO_TEST = "the project has no test"


@dataclass(frozen=True)
class Suite:
    """A project's tests, and all that is needed to run them."""

    runner: Runner
    files: TestFiles
    settings: str
    variables: Mapping[str, str]


@dataclass(frozen=True)
class Result:
    """How a run ended: its status, and the tests by outcome; None where they could not be counted."""

    status: int
    counts: Mapping[str, int] | None

    @property
    def total(self) -> int | None:
        """The number of tests."""
        return None if self.counts is None else sum(self.counts.get(name, 0) for name in OUTCOMES)


def run_suite(environment: TestEnvironment, variables: dict[str, str], reports: Path, check: Check) -> None:
    """Find the runner, run the tests, and put the outcome into the check; the reports of coverage come beside.

    CheckFailed when a test failed, or when there are tests of which none was found.
    """
    suite = find_suite(environment, variables)
    variables = {**variables, **suite.variables, "COVERAGE_FILE": str(reports / ".coverage")}
    with tempfile.TemporaryDirectory(prefix="ferryman-") as scratch:
        result = _run(suite, environment, variables, reports, Path(scratch))
    judge(suite, result, check)


def find_suite(environment: TestEnvironment, variables: Mapping[str, str]) -> Suite:
    """Look for the tests, for what they are run by, and for the settings that they are run with."""
    folder = environment.folder
    configuration = find_pytest_configuration(_upwards(folder, environment.root))
    found = find_test_files(configuration.path.parent if configuration else folder)
    runner = choose_runner(Evidence(folder, configuration, found, environment.names))
    if (
        SETTINGS in _inherited(variables)
        or (configuration and configuration.names_settings)
        or _named_in_conftest(found, runner.folder)
    ):
        return Suite(runner, found, "", {})
    settings = tests_settings(environment, variables)
    defaults = manage_defaults((folder / "manage.py").read_text(encoding="utf-8", errors="replace"))
    given = defaults if runner.is_pytest else {}
    return Suite(runner, found, settings, {**given, SETTINGS: settings} if settings else given)


def judge(suite: Suite, result: Result, check: Check) -> None:
    """Put a run's outcome into words. CheckFailed unless it is good."""
    name, total = suite.runner.name, result.total
    is_pytest = suite.runner.is_pytest
    if (not total and result.status == NO_TESTS) or (total == 0 and result.status == 0):
        if not suite.files.examples:
            check.warn(NO_TEST)
            return
        why = (
            "python_files or testpaths of its configuration may leave them out"
            if is_pytest
            else ("is there an __init__.py in each of their folders?")
        )
        raise CheckFailed(f"{name} found no test, though there are some ({suite.files.examples}): {why}")
    counted = ", ".join(f"{count} {name}" for name in OUTCOMES if (count := (result.counts or {}).get(name, 0)))
    if result.status != 0:
        told = f"{name} ended with status {result.status}" + (f": {counted}" if counted else "")
        usage = "; does an option need a plugin? [pipeline] test_requirements names more files"
        raise CheckFailed(told + (usage if is_pytest and result.status == USAGE else ""))
    number = "an unknown number of tests" if total is None else f"{total} tests" if total != 1 else "1 test"
    settings = f", settings {suite.settings}" if suite.settings else ""
    check.detail = f"{number}: {counted or 'none was counted'} ({name}, {suite.runner.reason}{settings})"


def _run(
    suite: Suite, environment: TestEnvironment, variables: Mapping[str, str], reports: Path, scratch: Path
) -> Result:
    runner, python, told = suite.runner, str(environment.python), scratch / "counts.json"
    kind = "pytest" if runner.is_pytest else "unittest"
    counter = scratch / f"ferryman_{kind}_counter.py"
    source = files("ferryman.trial.suite.counters").joinpath(counter.name)
    counter.write_text(source.read_text(encoding="utf-8"), encoding="utf-8")
    variables = {**variables, "FERRYMAN_COUNTS": str(told)}
    has_scope = names_its_scope(environment.python, runner.folder)
    if runner.is_pytest:
        path = ":".join(filter(None, (str(scratch), _inherited(variables).get("PYTHONPATH", ""))))
        options = pytest_words(reports, has_scope=has_scope, is_measured=runner.measures_coverage)
        words = [python, *runner.words, "-p", counter.stem, *options]
        status = call(words, folder=runner.folder, variables={**variables, "PYTHONPATH": path})
    else:
        scope = [] if has_scope else ["--source=."]
        settings = [f"--settings={suite.settings}"] if suite.settings else []
        words = [python, "-m", "coverage", "run", *scope, str(counter), *runner.words, *settings]
        status = call(words, folder=runner.folder, variables=variables)
        call([python, *report_words(reports)], folder=runner.folder, variables=variables)
    return Result(status, _read(told))


def _read(path: Path) -> dict[str, int] | None:
    try:
        found: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found


def _inherited(variables: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, **variables}


def _upwards(folder: Path, root: Path) -> list[Path]:
    """The folder and those above it, up to the project's."""
    inner = folder.resolve()
    return [inner, *(parent for parent in inner.parents if parent.is_relative_to(root))]


def _named_in_conftest(found: TestFiles, folder: Path) -> bool:
    """Whether a conftest.py chooses the settings by itself."""
    paths = [folder / path for path in found.of_pytest if path.endswith("conftest.py")]
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    return any(SETTINGS in text or "settings.configure(" in text for text in texts)
