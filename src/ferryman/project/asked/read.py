"""Production's settings of a project that was not run: by what its texts seem to say."""

from __future__ import annotations

import posixpath
from dataclasses import replace

from ferryman.project.asked.lacks import Lacks
from ferryman.project.asked.production import module_beside, production_settings
from ferryman.project.findings import Findings
from ferryman.survey.answers import Answers


def with_production(findings: Findings) -> Findings:
    """The findings with a settings module of production's own, where the texts seem to lack something."""
    settings, manage = findings.settings, findings.manage or ""
    lacks = _lacks(findings)
    if not settings.path or not lacks.is_any:
        return findings
    answers = Answers(settings.module, manage, findings.python)
    path = posixpath.relpath(settings.path, manage or ".")
    module, beside = module_beside(answers, path)
    made = replace(
        settings,
        module=module,
        static_root=settings.static_root or ("staticfiles" if lacks.static_root else ""),
        sets_static_root=settings.sets_static_root or lacks.static_root,
    )
    return replace(
        findings,
        settings=made,
        production={posixpath.join(manage, beside): production_settings(answers, lacks, beside)},
        needs_whitenoise=lacks.static_served and "whitenoise" not in findings.dependencies.names,
    )


def _lacks(findings: Findings) -> Lacks:
    settings, names = findings.settings, findings.dependencies.names
    is_unserved = settings.uses_staticfiles and not settings.sets_static_root and "whitenoise" not in names
    return Lacks(
        secret_key="SECRET_KEY" in settings.fixed,
        debug="DEBUG" in settings.fixed,
        hosts="ALLOWED_HOSTS" in settings.fixed,
        database=not settings.reads_database_url,
        static_root=is_unserved,
        static_served=is_unserved and not findings.keeps_dockerfile,
    )
