"""What the image needs beside Python packages, by what the project's settings name and its copy has."""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ferryman.packaging.node import find_assets
from ferryman.project.findings import Findings
from ferryman.survey.answers import Answers

# Settings whose paths the service itself makes, or that no build makes.
MADE_AT_RUN_TIME = re.compile(
    r"^(STATIC_ROOT|MEDIA_ROOT|LOGGING|DATABASES|CACHES|FILE_UPLOAD_TEMP_DIR|LOCALE_PATHS|FIXTURE_DIRS|BASE_DIR)$"
    r"|LOG|TMP|TEMP(_|$)|UPLOAD|CACHE|SECRET|KEY|ENV|SOCKET|BACKUP|INDEX|SESSION|GEOIP|MIGRATION|CERT|DATA(_|$)"
)


def with_files(findings: Findings, answers: Answers, texts: Mapping[str, str], copy: Path) -> Findings:
    """The findings with the web assets that Node builds, the translations to compile, and Django's apps."""
    apps = frozenset(answers.settings.get("INSTALLED_APPS", []))
    database = answers.database().get("ENGINE", "")
    if "gis" in database.split("."):
        apps |= {"django.contrib.gis"}
    assets = None
    if not findings.keeps_dockerfile:
        assets = find_assets(texts, missing_paths(answers, copy), apps, findings.context)
    notes = (*findings.notes, *([assets.told] if assets else []))
    return replace(findings, apps=apps, assets=assets, compiles_messages=_has_sources_alone(copy), notes=notes)


def missing_paths(answers: Answers, copy: Path) -> list[str]:
    """The paths that the settings name and Git does not have, from the project's folder on."""
    found = (
        Path(path)
        for name, path in answers.settings.get("paths", [])
        if not MADE_AT_RUN_TIME.search(name) and path != answers.settings.get("STATIC_ROOT")
    )
    normal = (Path(_normal(path)) for path in found)
    inside = (path.relative_to(copy) for path in normal if path.is_relative_to(copy) and not path.exists())
    return list(dict.fromkeys(path.as_posix() for path in inside))


def _normal(path: Path) -> str:
    return os.path.normpath(path)  # pathlib keeps ".."


def _has_sources_alone(copy: Path) -> bool:
    """Whether Git has translations that were not compiled."""
    sources = (path for path in copy.rglob("LC_MESSAGES/*.po") if "node_modules" not in path.parts)
    return any(not path.with_suffix(".mo").exists() for path in sources)
