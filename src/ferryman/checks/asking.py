"""Asks the project what production's settings resolve to, as `init` does; where it can't be run, that is said."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import replace

from ferryman.checks.dockerfile import image_of
from ferryman.checks.finding import Finding
from ferryman.checks.project import Project
from ferryman.checks.resolved import Resolved, check_resolved, refused
from ferryman.checks.settings import check_settings, settings_broken
from ferryman.errors import UsageError
from ferryman.packaging.stated import Dependencies, Packaging
from ferryman.project.asked.asking import DevelopmentNeeded, OlderPython, raise_if_more_is_needed, wanted_for
from ferryman.project.asked.lacks import find_lacks
from ferryman.project.asked.refusals import why_not_loaded, why_refused
from ferryman.project.detection import detect
from ferryman.project.dockerfile import NEWEST
from ferryman.project.findings import Findings
from ferryman.project.settings import module_path, settings_module
from ferryman.survey.asking import DATABASE_HOST, DATABASE_PASSWORD, SECRET
from ferryman.survey.inside.recording import placeholder
from ferryman.survey.survey import NoEnvironment, Subject, Survey, surveyed

# What leads the image's own Python leads this machine's nowhere.
OF_THE_IMAGE = frozenset({"PATH", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "HOME", "LD_LIBRARY_PATH", "LD_PRELOAD"})
DATABASE_PARTS = {"host": DATABASE_HOST, "port": "5432", "user": "survey_user", "name": "survey_name"}
TRIES = 3


def ask_settings(project: Project) -> list[Finding]:
    """All findings of the settings: of what they resolve to, else of their text, with the reason as a first finding."""
    texts = _texts(project)
    try:
        found = find_subject(project, texts)
    except UsageError as error:
        return [not_run(project.toml, 1, str(error))]
    reason = "its packages can't be installed here"
    for _ in range(TRIES):
        try:
            with surveyed(Subject(project.configuration.root, found.manage or "", wanted_for(found, texts))) as survey:
                return list(ask_with(project, survey, found, texts))
        except NoEnvironment as error:
            reason = f"its packages can't be installed here: {error}"
            break
        except OlderPython as older:
            found = replace(found, python=older.python)
        except DevelopmentNeeded as needed:
            groups = tuple(dict.fromkeys((*found.dependencies.groups, *needed.groups)))
            found = replace(found, dependencies=replace(found.dependencies, groups=groups))
    return [not_run(project.toml, 1, reason), *check_settings(project)]


def not_run(path: str, line: int, reason: str) -> Finding:
    """The finding that is told first: what follows of the settings goes by their text."""
    return Finding(
        path,
        line,
        "not-run",
        f"the project could not be run, so its settings are judged by their text alone: {reason}",
        "have it run here (its packages, its Python, uv); `--quick` judges by the text without trying",
        "warning",
    )


def _texts(project: Project) -> dict[str, str]:
    """Without the manage.py of other apps of the repository."""
    context = posixpath.normpath(project.configuration.pipeline.source or project.configuration.app.context)
    inner = "" if context == "." else f"{context}/"
    own = [path for path in project.texts if posixpath.basename(path) == "manage.py" and path.startswith(inner)]
    return {
        path: text
        for path, text in project.texts.items()
        if not own or posixpath.basename(path) != "manage.py" or path in own
    }


def find_subject(project: Project, texts: Mapping[str, str]) -> Findings:
    """What is to be run, as ferryman.toml and the files say it. UsageError where there is no manage.py."""
    found, pipeline = detect(texts, project.configuration.app.name), project.configuration.pipeline
    if pipeline.requirements:
        found = replace(found, dependencies=Dependencies(Packaging.REQUIREMENTS, "", pipeline.requirements))
    return replace(found, python=pipeline.python or found.python)


def ask_with(project: Project, survey: Survey, found: Findings, texts: Mapping[str, str]) -> Iterator[Finding]:
    """The same with a survey that has begun. Raises OlderPython, DevelopmentNeeded."""
    values = _values(project)
    module = values.get("DJANGO_SETTINGS_MODULE") or _of_server(found, texts)
    required = {name: placeholder(name, "") for name in project.configuration.app.env.required}
    answers = survey.ask(module, {**required, **values})
    if required and (answers is None or answers.failure):
        answers = survey.ask(module, values)
    if answers and answers.failure and "psycopg2" in answers.failure.message and "psycopg" in found.lacking:
        survey.install([NEWEST["psycopg2"]])  # as the image of a Django before 4.2 gets it
        answers = survey.ask(module, values)
    path = module_path(texts, found.manage or "", module) or project.toml
    if answers is None or answers.failure:
        raise_if_more_is_needed(survey, found, texts)
        yield from _not_loaded(project, found, survey, path)
        return
    why = why_refused(answers, survey.copy)
    if why and not (why.code == "extension-missing" and project.configuration.database is None):
        yield refused(why, path)
    resolved = Resolved(project, answers, find_lacks(answers, survey.sources(answers)), path, found.manage or "")
    yield from check_resolved(resolved, survey.copy, why)


def _not_loaded(project: Project, found: Findings, survey: Survey, path: str) -> Iterator[Finding]:
    (failure,) = survey.failures.values()
    is_its_python = f"{survey.python}.".startswith(f"{found.python}.")  # another one may not know its syntax
    place = posixpath.join(found.manage or "", failure.file) if failure.file else path
    why = why_not_loaded([failure], survey.copy)
    if why:
        yield refused(why, place, failure.line or 1)
    elif failure.kind in ("SyntaxError", "IndentationError", "TabError"):
        told = settings_broken(place, failure.line or 1, f"Python {survey.python}: {failure}")
        yield told if is_its_python else replace(told, level="warning")
    else:
        yield not_run(place, failure.line or 1, f"they can't be loaded: {failure}")
        yield from check_settings(project)


def _values(project: Project) -> dict[str, str]:
    """What the container gets beside what every app is given."""
    configuration = project.configuration
    values = {name: value for name, value in image_of(project).values.items() if name not in OF_THE_IMAGE}
    parts = {**DATABASE_PARTS, "password": DATABASE_PASSWORD}
    url = f"postgresql://survey_user:{DATABASE_PASSWORD}@{DATABASE_HOST}:5432/survey_name"
    variables = configuration.database.variables if configuration.database else {}
    given = {name: parts.get(part, url) for name, part in variables.items()}
    values.pop("SECRET_KEY", None)  # the agent's takes the place of the image's
    values.pop("DATABASE_URL", None)
    return {**values, **given, configuration.app.env.secret_key: SECRET}


def _of_server(found: Findings, texts: Mapping[str, str]) -> str:
    """The settings that the application's own module names, where the environment names none."""
    path = module_path(texts, found.manage or "", found.application.partition(":")[0])
    return settings_module(texts.get(path, "")) or found.settings.module
