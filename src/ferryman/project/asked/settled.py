"""Findings by a project's answers: paths in the image, variables that are needed, packages that are missing; pure."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ferryman.project.asked.lacks import STATICFILES, Lacks
from ferryman.project.findings import Findings, Settings
from ferryman.project.settings import GIVEN as SET_ANYWAY
from ferryman.survey.answers import Answers
from ferryman.survey.asking import GIVEN


def settled(findings: Findings, answers: Answers, lacks: Lacks, copy: Path) -> Findings:
    """The findings, with what the project said in the place of what its texts seemed to say."""
    found = answers.settings
    own = {*GIVEN, *SET_ANYWAY, lacks.secret_variable, *lacks.database_variables, *findings.values}
    filled = {name: value for name, value in answers.filled.items() if name not in own}
    static = found.get("STATIC_ROOT", "")
    is_whitenoise = any("whitenoise" in name for name in found.get("MIDDLEWARE", []))
    manage = copy / (findings.manage or "")
    media = _below(found.get("MEDIA_ROOT", ""), manage, copy)
    settings = Settings(
        module=answers.module,
        path=findings.settings.path,
        root_urlconf=found.get("ROOT_URLCONF", ""),
        wsgi=found.get("WSGI_APPLICATION", ""),
        asgi=found.get("ASGI_APPLICATION", ""),
        static_root=_below(static, manage, copy),
        sets_static_root=bool(static),
        uses_staticfiles=STATICFILES in found.get("INSTALLED_APPS", []) and bool(static),
        media_root=media if media != "." else "",  # never over the code itself
        reads_database_url=True,
        required=tuple(filled),
        placeholders=filled,
        secret_variable=lacks.secret_variable,
        database_variables=dict(lacks.database_variables),
    )
    return replace(
        findings,
        settings=settings,
        is_run=True,
        needs_whitenoise=is_whitenoise and "whitenoise" not in findings.dependencies.names,
        unknown=(*(text for text in findings.unknown if _stays(text)), *_required(filled)),
    )


def _required(filled: Mapping[str, str]) -> tuple[str, ...]:
    """What a person must set before production."""
    if not filled:
        return ()
    names = ", ".join(filled)
    return (f"production needs {names}: set each with `ferryman env set`; [rehearsal.env] has stand-ins",)


def _below(path: str, manage: Path, copy: Path) -> str:
    """A path of the copy, or beside it, relative to manage.py's folder; one elsewhere as it is."""
    if not path:
        return ""
    whole = os.path.normpath(os.path.join(manage, path))  # noqa: PTH118 - of a copy; pathlib keeps ".." in a path
    if not Path(whole).is_relative_to(copy.parent):
        return posixpath.normpath(whole)
    return os.path.relpath(whole, manage)


def _stays(question: str) -> bool:
    """Whether a question about the texts is still one once the project was run."""
    answered = ("the settings need", "looks like settings for development", "names no ROOT_URLCONF", "was not found")
    return not any(text in question for text in answered)
