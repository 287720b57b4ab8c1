"""The Python environment of a project's tests and linters: its Python, its requirements, its variables."""

from ferryman.trial.environment.interpreter import PythonMissing
from ferryman.trial.environment.making import TestEnvironment, make_environment, source_folder
from ferryman.trial.environment.requirements import Requirements, find_requirements

__all__ = [
    "PythonMissing",
    "Requirements",
    "TestEnvironment",
    "find_requirements",
    "make_environment",
    "source_folder",
]
