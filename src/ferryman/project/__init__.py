"""`init`: takes an existing Django project in."""

from ferryman.project.detection import detect, inspect_project
from ferryman.project.files import Advice, advised_lines, planned_files
from ferryman.project.findings import Findings, Packaging
from ferryman.project.writing import InitReport, write_project

__all__ = [
    "Advice",
    "Findings",
    "InitReport",
    "Packaging",
    "advised_lines",
    "detect",
    "inspect_project",
    "planned_files",
    "write_project",
]
