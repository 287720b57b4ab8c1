"""The app's own tests, with PostgreSQL, and how much of the code they reach."""

from __future__ import annotations

from pathlib import Path

from ferryman.config import Configuration
from ferryman.trial.environment import TestEnvironment, make_environment
from ferryman.trial.outcomes import Check, CheckFailed, Outcomes
from ferryman.trial.postgresql import database_for_tests
from ferryman.trial.suite import run_suite
from ferryman.trial.suite.coverage import least_covered, read_report, reports_folder, share
from ferryman.trial.tools import run

LIMIT_MISSED = "coverage is {:.1f} %, and [pipeline] coverage asks for {} %"


def try_units(configuration: Configuration, outcomes: Outcomes) -> None:
    """Run the tests; leave the report in .ferryman/coverage and its figures in the run's summary."""
    environment: TestEnvironment | None = None
    with outcomes.check("dependencies") as check:
        environment = make_environment(configuration)
        if environment.remark:
            check.warn(environment.remark)
    if environment:
        with outcomes.check("PostgreSQL") as started:
            with database_for_tests(configuration.database) as database:
                _run(configuration, environment, environment.with_variables(database.variables), outcomes)
            started.detail = database.told
    outcomes.finish()


def _run(
    configuration: Configuration, environment: TestEnvironment, variables: dict[str, str], outcomes: Outcomes
) -> None:
    if configuration.pipeline.test:
        with outcomes.check("tests"):
            run(configuration.pipeline.test, folder=configuration.root, variables=variables)
        return
    reports = reports_folder(configuration)
    with outcomes.check("tests") as tests:
        run_suite(environment, variables, reports, tests)
    with outcomes.check("coverage") as check:
        if tests.state == "warning" and configuration.pipeline.coverage is None:
            check.skip("no test")
        else:
            _check_coverage(reports, configuration.pipeline.coverage, outcomes, check)


def _check_coverage(reports: Path, limit: int | None, outcomes: Outcomes, check: Check) -> None:
    found = read_report(reports)
    if found is None:
        if limit is not None:
            raise CheckFailed("there is no coverage report")
        check.warn("there is no coverage report")
        return
    outcomes.notes.append(least_covered(found))
    reached = share(found)
    if limit is not None and reached < limit:
        raise CheckFailed(LIMIT_MISSED.format(reached, limit))
    check.detail = f"{reached:.1f} %, " + ("no limit is set" if limit is None else f"at least {limit} %")
