"""All checks over one project, without the findings that somebody has looked at and let pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from ferryman.checks.asking import ask_settings
from ferryman.checks.configuration import check_configuration
from ferryman.checks.dockerfile import check_dockerfile
from ferryman.checks.finding import Finding
from ferryman.checks.project import Project
from ferryman.checks.scripts import check_scripts
from ferryman.checks.settings import check_settings
from ferryman.project.drift import Drift

# `ferryman: ignore[latest-deployed] why` on the finding's line, or on the one before.
IGNORED = re.compile(r"ferryman: ignore\[([a-z-]+)\]")
CHECKS: tuple[Callable[[Project], Iterator[Finding]], ...] = (
    check_configuration,
    check_dockerfile,
    check_scripts,
)


def lint_project(project: Project, drifted: list[Drift], *, is_quick: bool = False) -> list[Finding]:
    """All findings, in the order of files and lines; that the project could not be run comes first.

    Its settings are asked for what they resolve to, unless `is_quick`: then nothing of the project is run.
    """
    found = {finding for check in CHECKS for finding in check(project)}
    found |= set(check_settings(project) if is_quick else ask_settings(project))
    found |= {_drift(drift) for drift in drifted}
    told = [finding for finding in found if not _is_ignored(project, finding)]
    return sorted(told, key=lambda finding: (finding.code != "not-run", finding))


def _drift(drift: Drift) -> Finding:
    return Finding(
        drift.path,
        1,
        "workflow-drift",
        f"the file is {drift.state.value}: not what `ferryman init` writes from today's ferryman.toml",
        "`ferryman init --check` shows the difference, `ferryman init` writes it anew",
        "warning",
    )


def _is_ignored(project: Project, finding: Finding) -> bool:
    text = project.texts.get(finding.path) or project.workflows.get(finding.path) or ""
    if finding.path == project.toml:
        text = project.configuration.path.read_text(encoding="utf-8")
    near = text.splitlines()[max(finding.line - 2, 0) : finding.line]
    return any(finding.code in IGNORED.findall(line) for line in near)
