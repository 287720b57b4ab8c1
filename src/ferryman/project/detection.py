"""Finds out what a Django project is made of, from the text of its files alone."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ferryman.errors import UsageError
from ferryman.packaging.dependencies import find_dependencies
from ferryman.packaging.node import find_assets
from ferryman.packaging.pythons import PREFERRED_PYTHON, find_python
from ferryman.packaging.stated import Dependencies, Packaging
from ferryman.project.asked.present import why_not_kept
from ferryman.project.findings import Findings, Settings
from ferryman.project.health import guess_health, routes
from ferryman.project.settings import module_path, read_settings, settings_module
from ferryman.project.tree import read_tree

DEVELOPMENT = re.compile(r"\b(dev|develop|development|local|test)\b")
PRODUCTION_NAMES = ("production", "prod", "deploy", "live")
LONGEST_NAME = 31
UNWANTED = "another was asked for"


def inspect_project(folder: Path) -> Findings:
    """Read a project's folder and return what was found. UsageError `no-manage-py` when it is no Django project."""
    return detect(read_tree(folder), folder.resolve().name)


def detect(texts: Mapping[str, str], folder_name: str, *, keeps_dockerfile: bool = True) -> Findings:
    """Return the findings for files given by their paths and texts. `keeps_dockerfile`: its own, if it is fit."""
    questions: list[str] = []
    manage = _manage_folder(texts, questions)
    settings = _settings(texts, manage, questions)
    parents = _parents(manage)
    dependencies = find_dependencies(texts, parents)
    own = next((path for folder in parents if (path := posixpath.join(folder, "Dockerfile")) in texts), "")
    unfit = (why_not_kept(texts[own], texts) or ("" if keeps_dockerfile else UNWANTED)) if own else ""
    context = _context(manage, dependencies, posixpath.dirname(own) if own and not unfit else None)
    name, image = _names(texts, folder_name, questions)
    health = _health(texts, manage, settings, questions)
    application, is_asgi = _application(texts, manage, settings, dependencies, questions)
    findings = Findings(
        name=name,
        image=image,
        manage=manage,
        context=context,
        settings=settings,
        dependencies=dependencies,
        application=application,
        is_asgi=is_asgi,
        python=find_python(texts, parents),
        health=health,
        gitignore=texts.get(".gitignore", ""),
        own_dockerfile=own,
        unfit_dockerfile=unfit,
        assets=find_assets(texts, (), (), context) if unfit or not own else None,
        branch=_branch(texts),
        existing=frozenset(texts),
    )
    return replace(findings, unknown=(*questions, *_about_files(findings)))


def _manage_folder(texts: Mapping[str, str], questions: list[str]) -> str:
    found = sorted(
        (path for path in texts if posixpath.basename(path) == "manage.py" and settings_module(texts[path])),
        key=lambda path: (path.count("/"), path),
    )
    if not found:
        raise UsageError(
            "no-manage-py",
            "no manage.py that names a settings module was found in this folder",
            hint="call from the folder of a Django project",
        )
    if len(found) > 1:
        questions.append(f"there are several manage.py ({', '.join(found)}); {found[0]} was taken")
    return posixpath.dirname(found[0])


def _settings(texts: Mapping[str, str], manage: str, questions: list[str]) -> Settings:
    named = settings_module(texts[posixpath.join(manage, "manage.py")])
    module = named
    if DEVELOPMENT.search(named.replace("_", ".").rpartition(".")[2]):
        parent = named.rpartition(".")[0]
        others = [f"{parent}.{name}" for name in PRODUCTION_NAMES if module_path(texts, manage, f"{parent}.{name}")]
        module = others[0] if others else named
        choice = f"{module} was taken" if others else "no other was found; it is used"
        questions.append(f"manage.py names {named}, which looks like settings for development; {choice}")
    settings = read_settings(texts, manage, module)
    if not settings.path:
        questions.append(f"the settings module {module} was not found; what it says is not known")
    elif not settings.root_urlconf:
        questions.append(f"{settings.path} names no ROOT_URLCONF that can be read; check the health path")
    if settings.required:
        names = ", ".join(settings.required)
        questions.append(
            f"the settings need {names}: set them with `ferryman env set`, and in [rehearsal.env] for the rehearsal"
        )
    return settings


def _parents(folder: str) -> list[str]:
    """Return the folder and those around it, up to the project's."""
    parents = [folder]
    while parents[-1]:
        parents.append(posixpath.dirname(parents[-1]))
    return parents


def _names(texts: Mapping[str, str], folder_name: str, questions: list[str]) -> tuple[str, str]:
    name = re.sub(r"[^a-z0-9]+", "-", folder_name.lower()).lstrip("-0123456789")[:LONGEST_NAME].rstrip("-")
    if not name:
        name = "app"
        questions.append('the folder\'s name is no app name; "app" was taken')
    found = re.search(
        r"url = \S*[:/]([A-Za-z0-9][A-Za-z0-9-]*)/[^/\s]+\s*$", texts.get(".git/config", ""), re.MULTILINE
    )
    owner = re.sub(r"-+", "-", found[1].lower()).strip("-") if found else name
    image = f"{owner}/{name}"
    questions.append(f"is {image} the repository on Docker Hub that images are pushed to? ([app] image)")
    return name, image


def _health(texts: Mapping[str, str], manage: str, settings: Settings, questions: list[str]) -> str:
    def read_module(module: str) -> str:
        return texts.get(module_path(texts, manage, module), "")

    found = routes(read_module(settings.root_urlconf), read_module) if settings.root_urlconf else []
    path, question = guess_health(found, is_private_api=settings.is_private_api)
    if question:
        questions.append(question)
    return path


def _application(
    texts: Mapping[str, str], manage: str, settings: Settings, dependencies: Dependencies, questions: list[str]
) -> tuple[str, bool]:
    package = settings.root_urlconf.rpartition(".")[0] or settings.module.partition(".")[0]
    is_asgi = bool(settings.asgi) and bool(dependencies.names & {"channels", "daphne", "uvicorn"})
    if is_asgi:
        questions.append("the project uses ASGI: the image serves it with uvicorn; is that wanted?")
    has_wsgi = bool(settings.wsgi) or _has(texts, manage, package, "wsgi")
    kind = "asgi" if is_asgi or (not has_wsgi and _has(texts, manage, package, "asgi")) else "wsgi"
    named = settings.asgi if kind == "asgi" else settings.wsgi
    if named:
        module, _, attribute = named.rpartition(".")
        return f"{module}:{attribute}", kind == "asgi"
    if not _has(texts, manage, package, kind):
        questions.append(f"no {kind}.py was found; {package}.{kind}:application was taken")
    return f"{package}.{kind}:application", kind == "asgi"


def _has(texts: Mapping[str, str], manage: str, package: str, kind: str) -> bool:
    return bool(module_path(texts, manage, f"{package}.{kind}"))


def _context(manage: str, dependencies: Dependencies, kept: str | None) -> str:
    """The folder of the build: that of the Dockerfile that is kept, else the one that has the packages and the code."""
    if kept is not None:
        return kept
    return manage if dependencies.packaging is Packaging.NONE else dependencies.folder


def _branch(texts: Mapping[str, str]) -> str:
    """The default branch: as the remote has it, else the one that is checked out if its name is usual."""
    remote = re.search(r"refs/remotes/origin/(\S+)", texts.get(".git/refs/remotes/origin/HEAD", ""))
    here = re.search(r"refs/heads/(main|master|trunk|production)\s*$", texts.get(".git/HEAD", ""))
    found = remote or here
    return found[1] if found else "main"


def _about_files(findings: Findings) -> list[str]:
    questions = []
    dockerfile = findings.own_dockerfile
    if findings.unfit_dockerfile:
        ours = posixpath.join(findings.context, findings.dockerfile)
        return [f"{dockerfile} is not used, since {findings.unfit_dockerfile}; {ours} takes its place"]
    if findings.keeps_dockerfile:
        questions.append(
            f"{dockerfile} was there and is kept: does its server listen on port 8000? ([app.roles.web] port)"
        )
        return questions
    if findings.dependencies.packaging is Packaging.NONE:
        questions.append("no file with dependencies was found; the image gets Django, gunicorn and psycopg alone")
    if findings.lacking:
        names = " and ".join(findings.lacking)
        questions.append(
            f"the dependencies lack {names}: the Dockerfile installs the newest; better name a version there"
        )
    if findings.python != PREFERRED_PYTHON:
        questions.append(
            f"the project asks for Python {findings.python}: pin that base image in the Dockerfile by digest"
        )
    if "mysqlclient" in findings.dependencies.names:
        questions.append("the project uses MySQL, which Ferryman does not run; [database] is PostgreSQL")
    return questions
