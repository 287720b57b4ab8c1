"""The one plan of the files that `init` writes: each rendered once, with the rule by which it is written."""

from __future__ import annotations

import posixpath
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path

from ferryman.config import Configuration, load_configuration, parse_configuration
from ferryman.errors import UsageError
from ferryman.git.repository import find_repository
from ferryman.github.workflows.files import workflow_files
from ferryman.project.asked.asking import ask_project
from ferryman.project.asked.read import with_production
from ferryman.project.detection import detect
from ferryman.project.files import planned_files
from ferryman.project.findings import OURS, Findings
from ferryman.project.tree import read_tree


class Rule(Enum):
    """When a file is written."""

    ONCE = "where it is missing"  # a person's own from then on
    LINE = "a line at its end"
    OURS = "whenever it differs"  # what a person changed only after a question


@dataclass(frozen=True)
class PlannedFile:
    """A file below `root`, as it is to be."""

    root: Path
    path: str
    content: bytes
    rule: Rule

    @property
    def place(self) -> Path:
        """Where it is on this machine."""
        return self.root / self.path


@dataclass(frozen=True)
class Plan:
    """What was found out about a project, and the files that it gets."""

    findings: Findings
    files: tuple[PlannedFile, ...]


def plan_project(folder: Path, *, is_quick: bool = False, keeps_dockerfile: bool = True) -> Plan:
    """Plan all that a project lacks: ferryman.toml, Dockerfile, .dockerignore, a line in .gitignore, the workflows.

    The project's code is run for it, unless `is_quick`, or its files tell that it was taken in before. The
    workflows go by the ferryman.toml that is there, else by the planned one; nothing is written here.
    """
    texts = read_tree(folder)
    findings = detect(texts, folder.resolve().name, keeps_dockerfile=keeps_dockerfile)
    has_dockerfile = findings.keeps_dockerfile or posixpath.join(findings.context, OURS) in findings.existing
    is_new = not (folder / "ferryman.toml").exists() or not has_dockerfile
    if is_new:
        findings = with_production(findings) if is_quick else ask_project(folder, findings, texts)
    planned = planned_files(findings)
    rules = {".gitignore": Rule.LINE}
    files = [PlannedFile(folder, path, text.encode(), rules.get(path, Rule.ONCE)) for path, text in planned.items()]
    path = folder / "ferryman.toml"
    configuration = load_configuration(path) if path.exists() else parse_configuration(planned["ferryman.toml"], path)
    findings = replace(findings, notes=(*findings.notes, *_about_dockerfile(findings, configuration)))
    return Plan(findings, (*files, *plan_workflows(configuration)))


def _about_dockerfile(findings: Findings, configuration: Configuration) -> list[str]:
    """A ferryman.toml that was there before may lead to another one."""
    app = configuration.app
    if not findings.unfit_dockerfile or (app.context.strip("./"), app.dockerfile) == (
        findings.context,
        findings.dockerfile,
    ):
        return []
    context = f'context = "{findings.context or "."}", ' if app.context.strip("./") != findings.context else ""
    return [f'ferryman.toml was there: set {context}dockerfile = "{findings.dockerfile}" in its [app]']


def plan_workflows(configuration: Configuration) -> tuple[PlannedFile, ...]:
    """Plan the workflows, and the locks and the wheel that they install."""
    root, prefix = repository_root(configuration.root)
    found = workflow_files(configuration, prefix)
    return tuple(PlannedFile(root, path, content, Rule.OURS) for path, content in found.items())


def repository_root(folder: Path) -> tuple[Path, str]:
    """The root of the Git repository that a project is in, and the project's folder below it."""
    try:
        repository = find_repository(folder)
    except UsageError:
        return folder.resolve(), ""
    return repository.root, repository.project
