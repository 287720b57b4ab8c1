"""The project's linters and formatter: those that it chose, else Ruff's defaults and Black, with a baseline."""

from ferryman.trial.linters.baseline import Baseline
from ferryman.trial.linters.running import format_code, lint, write_baseline

__all__ = ["Baseline", "format_code", "lint", "write_baseline"]
