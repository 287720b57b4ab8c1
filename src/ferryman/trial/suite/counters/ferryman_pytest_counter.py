"""A plugin of pytest: writes how many tests had which outcome to the file that FERRYMAN_COUNTS names."""

import json
import os
from typing import Any


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Called once, by the process that the others report to."""
    counts = {name: len(reports) for name, reports in terminalreporter.stats.items() if name}
    with open(os.environ["FERRYMAN_COUNTS"], "w", encoding="utf-8") as file:  # noqa: PTH123 - any Python
        json.dump(counts, file)
