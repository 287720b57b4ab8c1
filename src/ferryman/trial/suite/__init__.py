"""The project's own tests: which runner they have, how they are run and counted, how much of the code they reach."""

from ferryman.trial.suite.coverage import reached_coverage
from ferryman.trial.suite.running import run_suite

__all__ = ["reached_coverage", "run_suite"]
