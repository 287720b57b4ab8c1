"""The settings modules that may be production's, the likeliest first, by the project's files; pure."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from ferryman.project.findings import Findings
from ferryman.project.settings import module_path, settings_module
from ferryman.survey.survey import Candidate

NAMED = re.compile(r"\bDJANGO_SETTINGS_MODULE[=:\s]\s*[\"']?([A-Za-z_][\w.]*)")
PRODUCTION = re.compile(r"(^|[/_.])(prod|production|live|deploy|heroku)([/_.]|\.py$)")
DEVELOPMENT = re.compile(r"(^|[._])(dev|develop|development|local|test|tests|testing|ci)([._]|$)")
STARTERS = ("Dockerfile", "Procfile", ".env.example")


def find_candidates(texts: Mapping[str, str], findings: Findings) -> list[Candidate]:
    """Each once; those whose name says development come last."""
    found = [candidate for candidate in _all(texts, findings) if _is_there(candidate.module, texts, findings)]
    once = {candidate.module: candidate for candidate in reversed(found)}
    ordered = list(dict.fromkeys(candidate.module for candidate in found))
    ordered.sort(key=lambda module: bool(DEVELOPMENT.search(module.partition(".")[2] or module)))
    return [once[module] for module in ordered]


def _all(texts: Mapping[str, str], findings: Findings) -> Iterator[Candidate]:
    manage = findings.manage or ""
    for path, text in sorted(texts.items()):
        name = posixpath.basename(path)
        if name.startswith(STARTERS):
            yield from (Candidate(module, f"{path} names it") for module in NAMED.findall(text))
    for path in sorted(texts):
        if PRODUCTION.search(path) and path.endswith(".py") and "settings" in path and _is_below(path, manage):
            inner = posixpath.relpath(path, manage or ".")
            yield Candidate(_module(inner), "its name says so")
    for path in sorted(texts):
        if posixpath.basename(path) in ("wsgi.py", "asgi.py") and settings_module(texts[path]):
            yield Candidate(settings_module(texts[path]), f"{path} names it")
    yield Candidate(findings.settings.module, "manage.py names it")
    yield Candidate(settings_module(texts.get(posixpath.join(manage, "manage.py"), "")), "manage.py names it")


def _is_there(module: str, texts: Mapping[str, str], findings: Findings) -> bool:
    """A word after DJANGO_SETTINGS_MODULE may be anything; what manage.py names may be where no text was read."""
    is_named = module == findings.settings.module
    return bool(module) and (is_named or bool(module_path(texts, findings.manage or "", module)))


def _is_below(path: str, folder: str) -> bool:
    return not folder or path.startswith(f"{folder}/")


def _module(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
