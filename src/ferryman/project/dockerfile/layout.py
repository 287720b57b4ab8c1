"""Where a project's files are in its image."""

from __future__ import annotations

import posixpath

from ferryman.project.findings import Findings


def manage_folder(findings: Findings) -> str:
    """The folder of manage.py in the image."""
    return f"/app/{findings.inner}".rstrip("/")


def in_image(findings: Findings, path: str) -> str:
    """Where a path that is relative to manage.py's folder is in the image."""
    return posixpath.normpath(posixpath.join("/app", findings.inner, path))


def static_folder(findings: Findings) -> str:
    """The folder below manage.py's that static files are collected in; "" when it is not known."""
    settings = findings.settings
    if not settings.uses_staticfiles:
        return ""
    return settings.static_root if settings.sets_static_root else "staticfiles"
