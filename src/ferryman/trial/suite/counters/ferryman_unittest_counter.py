"""Runs manage.py, named by the first argument; writes how many tests ran to the file that FERRYMAN_COUNTS names."""

import json
import os
import runpy
import sys
import unittest
from typing import Any

run_tests = unittest.TextTestRunner.run


def run_and_count(runner: Any, tests: Any) -> Any:
    """Run tests as unittest does, and write the counts. Django's runner is one of unittest's."""
    result = run_tests(runner, tests)
    bad = len(result.failures) + len(result.errors) + len(result.unexpectedSuccesses)
    counts = {"failed": bad, "skipped": len(result.skipped), "xfailed": len(result.expectedFailures)}
    counts["passed"] = max(0, result.testsRun - sum(counts.values()))
    with open(os.environ["FERRYMAN_COUNTS"], "w", encoding="utf-8") as file:  # noqa: PTH123 - any Python
        json.dump(counts, file)
    return result


if __name__ == "__main__":
    setattr(unittest.TextTestRunner, "run", run_and_count)  # noqa: B010 - unittest's own method is replaced
    sys.argv = sys.argv[1:]
    sys.path[0] = os.getcwd()  # noqa: PTH109 - any Python
    runpy.run_path(sys.argv[0], run_name="__main__")
