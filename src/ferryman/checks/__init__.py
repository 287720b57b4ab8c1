"""`check`: finds the mistakes that break deploys, in the text of a project's files."""

from ferryman.checks.finding import Finding
from ferryman.checks.linter import lint_project
from ferryman.checks.project import Project, read_project

__all__ = ["Finding", "Project", "lint_project", "read_project"]
