"""Decides how a project's tests are run: its own configuration wins, then what its test files can be run by."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ferryman.trial.suite.files import TestFiles
from ferryman.trial.suite.pytest_configuration import PytestConfiguration

# Where no configuration says otherwise: pytest's own patterns, and the tests.py that `startapp` makes.
PATTERNS = "python_files=test_*.py *_test.py tests.py"


@dataclass(frozen=True)
class Runner:
    """The words after `python`, without coverage; where they are run; and why these."""

    name: str
    words: tuple[str, ...]
    folder: Path
    reason: str
    is_pytest: bool
    measures_coverage: bool = False


@dataclass(frozen=True)
class Evidence:
    """What was found of a project's tests. `folder` is manage.py's, `names` are the packages that it requires."""

    folder: Path
    configuration: PytestConfiguration | None
    files: TestFiles
    names: frozenset[str] = frozenset()


def choose_runner(evidence: Evidence) -> Runner:
    """pytest where it is configured or where only pytest can run a test; Django's own runner otherwise."""
    configuration = evidence.configuration
    # pytest-django is here in any case; a project that has pytest without it does not expect it.
    plain = ("-p", "no:django") if "pytest" in evidence.names and "pytest-django" not in evidence.names else ()
    if configuration:
        place, reason = configuration.path.parent, f"as {configuration.path.name} says"
        return Runner("pytest", ("-m", "pytest", *plain), place, reason, True, configuration.measures_coverage)
    if evidence.files.of_pytest:
        words = ("-m", "pytest", *plain, "-o", PATTERNS)
        return Runner("pytest", words, evidence.folder, f"{evidence.files.of_pytest[0]} needs it", True)
    return Runner("manage.py test", ("manage.py", "test", "--noinput"), evidence.folder, "Django's runner", False)
