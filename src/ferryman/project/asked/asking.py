"""Asks a project whose files were read: its answers take the place of what its texts seemed to say."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from ferryman.packaging.dependencies import groups_of
from ferryman.packaging.pythons import find_bounds
from ferryman.packaging.removed import older_python
from ferryman.packaging.stated import Packaging, read_toml
from ferryman.project.asked.candidates import find_candidates
from ferryman.project.asked.files import with_files
from ferryman.project.asked.health import choose_health
from ferryman.project.asked.lacks import Lacks, find_lacks, needs_psycopg2
from ferryman.project.asked.production import HEALTH_CHECK, health_beside, module_beside, production_settings
from ferryman.project.asked.read import with_production
from ferryman.project.asked.refusals import why_not_loaded, why_refused
from ferryman.project.asked.roles import with_background
from ferryman.project.asked.services import telling_values
from ferryman.project.asked.settled import settled
from ferryman.project.dockerfile import NEWEST
from ferryman.project.findings import Findings
from ferryman.survey.answers import Answers, Failure
from ferryman.survey.survey import NoEnvironment, Subject, Survey, Wanted, surveyed

MISSING = re.compile(r"No module named '(\w+)")


def ask_project(folder: Path, findings: Findings, texts: Mapping[str, str]) -> Findings:
    """Run the project's settings, choose production's, write what they lack, and try it.

    1. A copy of the project, and an environment with its packages. 2. The settings that production has, by trying.
    3. What they lack; a module beside them sets it, and is asked in their place. 4. The health path, by calling.
    What can't be run is said first among the questions, and the texts' guesses stay. Raises Refused.
    """
    try:
        return _run(folder, findings, texts)
    except NoEnvironment as error:
        return _not_run(findings, f"its packages can't be installed here: {error}")
    except DevelopmentNeeded as needed:
        groups = tuple(dict.fromkeys((*findings.dependencies.groups, *needed.groups)))
        names = ", ".join(needed.groups)
        note = f"the groups {names} are installed too: {needed.module} is imported, and only they bring it"
        more = replace(findings.dependencies, groups=groups)
        return ask_project(folder, replace(findings, dependencies=more, notes=(*findings.notes, note)), texts)
    except OlderPython as older:
        note = f"Python {older.python}: the project imports {older.module}, which {findings.python} does not have"
        return ask_project(folder, replace(findings, python=older.python, notes=(*findings.notes, note)), texts)


class DevelopmentNeeded(Exception):
    """The project imports a module that only its groups for development bring."""

    def __init__(self, module: str, groups: tuple[str, ...]) -> None:
        super().__init__(module)
        self.module, self.groups = module, groups


class OlderPython(Exception):
    """The project imports a module that Python itself no longer has."""

    def __init__(self, module: str, python: str) -> None:
        super().__init__(module)
        self.module, self.python = module, python


def _run(folder: Path, findings: Findings, texts: Mapping[str, str]) -> Findings:
    with surveyed(Subject(folder, findings.manage or "", wanted_for(findings, texts))) as survey:
        return ask_with(survey, findings, texts)


def wanted_for(findings: Findings, texts: Mapping[str, str]) -> Wanted:
    """What is installed to run the project: its own packages, and what the image gets beside them."""
    return Wanted(
        findings.dependencies,
        findings.python,
        find_bounds(texts, (findings.manage or "", findings.dependencies.folder)),
        (*(NEWEST[name] for name in findings.lacking), NEWEST["whitenoise"]),
    )


def raise_if_more_is_needed(survey: Survey, findings: Findings, texts: Mapping[str, str]) -> None:
    """Raise OlderPython or DevelopmentNeeded where that is why no settings were loaded."""
    for failure in survey.failures.values():
        older = older_python(failure.module, survey.python)
        if older and older != findings.python:  # where there is none here, the newer one is asked again in vain
            raise OlderPython(failure.module, older)
    _check_groups(findings, survey.failures.values(), texts)


def ask_with(survey: Survey, findings: Findings, texts: Mapping[str, str]) -> Findings:
    """The same with a survey that has begun. Raises Refused, OlderPython, DevelopmentNeeded."""
    chosen = survey.choose(find_candidates(texts, findings))
    if chosen is None and not findings.needs_setuptools and _lacks_setuptools(survey.failures.values()):
        survey.install([NEWEST["setuptools"]])
        return ask_with(survey, replace(findings, needs_setuptools=True), texts)
    if chosen is None:
        raise_if_more_is_needed(survey, findings, texts)
        why = why_not_loaded(survey.failures.values(), survey.copy)
        if why:
            raise why
        told = "; ".join(f"{module}: {failure}" for module, failure in survey.failures.items())
        return _not_run(findings, f"its settings can't be loaded: {told}")
    candidate, answers = chosen.candidate, chosen.answers
    why = why_refused(answers, survey.copy)
    if why:
        raise why
    if needs_psycopg2(answers) and "psycopg" in findings.lacking:
        findings = replace(findings, needs_psycopg2=True)
        survey.install([NEWEST["psycopg2"]])
    lacks = find_lacks(answers, survey.sources(answers))
    notes = (*findings.notes, *_about_python(survey, findings))
    notes = (*notes, f"the settings are {candidate.module}: {candidate.reason}")
    asked = replace(findings, values=chosen.values, compiled=survey.compiled(), notes=notes)
    asked = with_files(asked, answers, texts, survey.copy)
    asked, lacks = _with_background(survey, asked, answers, lacks)
    if findings.keeps_dockerfile and "whitenoise" not in findings.dependencies.names:
        lacks = replace(lacks, static_served=False)
    if not lacks.is_any and choose_health(answers.health)[0]:
        return _with_health(settled(asked, answers, lacks, survey.copy), answers)
    return _with_production(survey, asked, answers, lacks, _path_of(answers.module, texts, findings.manage or ""))


def _lacks_setuptools(failures: Iterable[Failure]) -> bool:
    """Whether a module is missing that came with each environment until Python 3.12."""
    return any(failure.module.partition(".")[0] in ("pkg_resources", "setuptools") for failure in failures)


def _about_python(survey: Survey, findings: Findings) -> list[str]:
    here = ".".join(survey.python.split(".")[:2])
    if here == findings.python:
        return []
    return [f"the project was asked with Python {here}, since {findings.python} can't be had here; the image has it"]


def _check_groups(findings: Findings, failures: Iterable[Failure], texts: Mapping[str, str]) -> None:
    """Raise DevelopmentNeeded where a module is missing and a lock has groups that were not installed."""
    found = findings.dependencies
    if found.packaging not in (Packaging.UV, Packaging.POETRY):
        return
    project = read_toml(texts.get(posixpath.join(found.folder, "pyproject.toml"), ""))
    groups = tuple(name for name in groups_of(project) if name not in found.groups)
    missing = next((match[1] for failure in failures if (match := MISSING.search(str(failure)))), "")
    if groups and missing:
        raise DevelopmentNeeded(missing, groups)


def _with_background(survey: Survey, findings: Findings, answers: Answers, lacks: Lacks) -> tuple[Findings, Lacks]:
    """Roles, accessories and schedules; settings that lead to this machine are led to accessories."""
    telling = telling_values(answers)
    asked = {**findings.values, **telling}
    told = survey.ask(answers.module, asked, ("setup", "background")) if telling else None
    made, lines = with_background(findings, answers, None if told is None or told.failure else told)
    reasons = {**lacks.reasons, **{f"services {line}": reason for line, reason in lines.items()}}
    return made, replace(lacks, services=tuple(lines), reasons=reasons)


def _with_production(survey: Survey, findings: Findings, answers: Answers, lacks: Lacks, base: str) -> Findings:
    """Write production's settings into the copy, and ask the project with them; with a health check where none fits."""
    module, path = module_beside(answers, base)
    manage = findings.manage or ""
    texts = {posixpath.join(manage, path): production_settings(answers, lacks, path)}
    final = _tried(survey, module, texts, findings)
    if final and not final.failure and not choose_health(final.health)[0]:
        health, beside = health_beside(module, path)
        texts = {posixpath.join(manage, path): production_settings(answers, lacks, path, health)}
        texts[posixpath.join(manage, beside)] = HEALTH_CHECK
        final = _tried(survey, module, texts, findings)
    if final is None or final.failure:
        why = survey.failures[module]
        return _not_run(findings, f"{module}, which was to set what {answers.module} lacks, can't be loaded: {why}")
    left = find_lacks(final, survey.sources(final))
    notes = tuple(f"{path} sets what the settings lack: {reason}" for reason in lacks.reasons.values())
    still = tuple(f"{reason}, also with {module}" for name, reason in left.reasons.items() if name not in lacks.reasons)
    values = {**findings.values, **_idle(answers, lacks)}
    made = replace(findings, production=texts, values=values, notes=(*findings.notes, *notes))
    return _with_health(settled(made, final, left, survey.copy), final, still)


def _idle(answers: Answers, lacks: Lacks) -> dict[str, str]:
    """Variables that the project's settings require for what production's replace: any value does."""
    settings = answers.settings
    replaced = [
        *(answers.database().values() if lacks.database else ()),
        *(settings.get("ALLOWED_HOSTS", ()) if lacks.hosts else ()),
        *((settings.get("SECRET_KEY", ""),) if lacks.secret_key else ()),
    ]
    return {name: value for name, value in answers.filled.items() if any(value in text for text in replaced)}


def _tried(survey: Survey, module: str, texts: Mapping[str, str], findings: Findings) -> Answers | None:
    survey.add(texts)
    return survey.ask(module, findings.values)


def _path_of(module: str, texts: Mapping[str, str], manage: str) -> str:
    """The file of a module below manage.py's folder; one that is not among the texts is taken for a plain module."""
    path = module.replace(".", "/")
    return f"{path}/__init__.py" if posixpath.join(manage, path, "__init__.py") in texts else f"{path}.py"


def _with_health(findings: Findings, answers: Answers, questions: tuple[str, ...] = ()) -> Findings:
    path, reason = choose_health(answers.health)
    kept = tuple(text for text in findings.unknown if "health" not in text)
    if not path:
        told = "no path answers 2xx without a login; set [app.roles.web] health to one that does"
        return replace(findings, unknown=(*kept, *questions, told))
    notes = (*findings.notes, f"health is {path}: {reason}")
    return replace(findings, health=path, notes=notes, unknown=(*kept, *questions))


def _not_run(findings: Findings, reason: str) -> Findings:
    told = f"the project could not be run, so what follows is read from its text alone: {reason}"
    return with_production(replace(findings, production={}, unknown=(told, *findings.unknown)))
