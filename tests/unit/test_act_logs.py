"""What the end-to-end tests and the bench read in act's log."""

from __future__ import annotations

import pytest
from actions import Run

LOG = """\
[Checks/Shared CI jobs/Unit tests  ] ⭐ Run Main Check out
[Checks/Shared CI jobs/Unit tests  ]   ✅  Success - Main Check out [76.5ms]
[Production/Deploy to production] ⭐ Run Main Deploy [now]
[Checks/Shared CI jobs/Unit tests  ]   | ✅  Success - Main of others
[Checks/Shared CI jobs/Unit tests  ]   ❌  Failure - Main Tests, coverage [1m2.5s]
[Production/Deploy to production]   ✅  Success - Main Deploy [now] [1h0m0.5s]
[Production/Deploy to production]   ✅  Success - Main Nothing [120µs]
"""


def test_the_seconds_of_a_job_are_those_of_its_steps() -> None:
    found = Run(LOG, 0).job_seconds()
    assert found == {
        "Checks/Shared CI jobs/Unit tests": pytest.approx(62.5765),
        "Production/Deploy to production": pytest.approx(3600.50012),
    }
