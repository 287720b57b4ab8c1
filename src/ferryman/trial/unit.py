"""The app's own tests, with PostgreSQL, and how much of the code they reach."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ferryman.config import Configuration
from ferryman.github.run import table
from ferryman.trial.environment import TestEnvironment, make_environment
from ferryman.trial.outcomes import CheckFailed, Outcomes
from ferryman.trial.postgresql import database_variables
from ferryman.trial.tools import call, run

COVERAGE = Path(".ferryman", "coverage")
LEAST_COVERED = 10
NO_TESTS = 5
LIMIT_MISSED = "coverage is {:.1f} %, and [pipeline] coverage asks for {} %"


def try_units(configuration: Configuration, outcomes: Outcomes) -> None:
    """Run the tests; leave the report in .ferryman/coverage and its figures in the run's summary."""
    environment: TestEnvironment | None = None
    with outcomes.check("dependencies"):
        environment = make_environment(configuration)
    if environment:
        version = configuration.database.version if configuration.database else None
        with outcomes.check("PostgreSQL") as started:
            with database_variables(version) as database:
                _run(configuration, environment, environment.with_variables(database), outcomes)
            started.detail = f"version {version}" if database else "the caller's, or none"
    outcomes.finish()


def _run(
    configuration: Configuration, environment: TestEnvironment, variables: dict[str, str], outcomes: Outcomes
) -> None:
    if configuration.pipeline.test:
        with outcomes.check("tests"):
            run(configuration.pipeline.test, folder=configuration.root, variables=variables)
        return
    reports = configuration.root / COVERAGE
    reports.mkdir(parents=True, exist_ok=True)
    data = reports / "coverage.json"
    data.unlink(missing_ok=True)
    variables = {**variables, "COVERAGE_FILE": str(reports / ".coverage")}
    words = ["--cov=.", "--cov-report=term:skip-covered", f"--cov-report=json:{data}"]
    words += [f"--cov-report=html:{reports / 'html'}", f"--cov-report=xml:{reports / 'coverage.xml'}"]
    with outcomes.check("tests"):
        command = [str(environment.python), "-m", "pytest", *words]
        status = call(command, folder=environment.folder, variables=variables)
        if status == NO_TESTS:
            raise CheckFailed("pytest found no test")
        if status != 0:
            raise CheckFailed(f"pytest ended with status {status}")
    with outcomes.check("coverage") as check:
        if not data.is_file():
            raise CheckFailed("there is no coverage report")
        found = json.loads(data.read_text(encoding="utf-8"))
        outcomes.notes.append(_least_covered(found))
        share, limit = float(found["totals"]["percent_covered"]), configuration.pipeline.coverage
        if share < limit:
            raise CheckFailed(LIMIT_MISSED.format(share, limit))
        check.detail = f"{share:.1f} %, at least {limit} %"


def _least_covered(found: dict[str, Any]) -> str:
    files = sorted(found["files"].items(), key=lambda item: item[1]["summary"]["percent_covered"])[:LEAST_COVERED]
    rows = [
        [name, f"{item['summary']['percent_covered']:.0f} %", str(item["summary"]["missing_lines"])]
        for name, item in files
        if item["summary"]["missing_lines"]
    ]
    return table(["Least covered", "Lines", "Missed"], rows) if rows else "Every line is covered."
