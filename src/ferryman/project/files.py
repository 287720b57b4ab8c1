"""Plans the files that `init` writes, and the lines that the user is to add."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from ferryman.packaging.stated import Packaging
from ferryman.project.dockerfile import dockerfile, in_image
from ferryman.project.findings import Findings

DOCKERIGNORE = """\
.*
**/.*
**/__pycache__
**/*.py[co]
**/*.sqlite3
**/node_modules
**/venv
Dockerfile
ferryman.toml
"""
GITIGNORE_LINE = ".ferryman/"
LOCAL_HOSTS = "localhost,127.0.0.1"


@dataclass(frozen=True)
class Advice:
    """Lines that the user is to add at the end of a file, and why."""

    path: str
    lines: tuple[str, ...]
    why: str


def planned_files(findings: Findings) -> Mapping[str, str]:
    """Map the path of each file that a project has once it is taken in to its text.

    .gitignore is among them only where it lacks the line that it gets at its end.
    """
    context = findings.context
    planned = {
        "ferryman.toml": configuration(findings),
        posixpath.join(context, "Dockerfile"): dockerfile(findings),
        posixpath.join(context, ".dockerignore"): DOCKERIGNORE,
    }
    if findings.keeps_dockerfile:  # what it copies is not to be hidden from it
        del planned[posixpath.join(context, ".dockerignore")]
    if findings.production:
        path, text = findings.production
        planned[path] = text
    ignored = findings.gitignore
    if GITIGNORE_LINE not in ignored.split():
        planned[".gitignore"] = (
            ignored + ("\n" if ignored and not ignored.endswith("\n") else "") + GITIGNORE_LINE + "\n"
        )
    return planned


def configuration(findings: Findings) -> str:
    """Return the text of ferryman.toml."""
    settings = findings.settings
    parts = [
        "[app]\n"
        f'name = "{findings.name}"\n'
        f'image = "{findings.image}"    # Docker Hub, unless it names another registry\n'
        + (f'context = "{findings.context}"\n' if findings.context else ""),
        f'[app.roles.web]\nport = 8000\nhealth = "{findings.health}"\n',
    ]
    hosts = hosts_variable(findings)
    required = [f'"{name}"' for name in settings.required if name != hosts]
    parts += _environment(findings, required, hosts)
    if settings.media_root:
        parts.append(f'[app.volumes]\nmedia = "{in_image(findings, settings.media_root)}"\n')
    named = ", ".join(f'{name} = "{part}"' for name, part in settings.database_variables.items())
    parts += [
        '[database]\nversion = 17\nmigrate = ["python", "manage.py", "migrate", "--noinput"]\n'
        + (f"variables = {{ {named} }}\n" if named else ""),
        '[environments.production]\nhost = "${VPS_HOST}"\nuser = "${VPS_USERNAME}"\n'
        f'# domain = "{findings.name}.example.com"\n',
    ]
    return "\n".join(parts)


def _environment(findings: Findings, required: list[str], hosts: str) -> list[str]:
    """The sections of variables: what a person must set, what is plain, and what the rehearsal has in their place."""
    settings = findings.settings
    lines = [f"required = [{', '.join(required)}]"] if required else []
    if settings.secret_variable not in ("", "SECRET_KEY"):
        lines.append(f'secret_key = "{settings.secret_variable}"')
    parts = ["\n".join(["[app.env]", *lines]) + "\n"] if lines else []
    values = [f"{name} = {json.dumps(value)}" for name, value in findings.values.items()]
    if hosts:
        values.append(f'{hosts} = "{LOCAL_HOSTS}"    # add the service\'s host name')
    if findings.production and findings.keeps_dockerfile:
        values.append(f'DJANGO_SETTINGS_MODULE = "{settings.module}"')
    if values:
        parts.append("\n".join(["[app.env.values]", *values]) + "\n")
    told = [f"{name} = {json.dumps(value)}" for name, value in settings.placeholders.items()]
    if told:
        head = "[rehearsal.env]    # stand-ins; production has its own: ferryman env set"
        parts.append("\n".join([head, *told]) + "\n")
    return parts


def hosts_variable(findings: Findings) -> str:
    """Return the variable that ALLOWED_HOSTS is read from, where it is not the one that the agent sets."""
    variable = findings.settings.hosts_variable
    return "" if variable == "ALLOWED_HOSTS" else variable


def advised_lines(findings: Findings) -> tuple[Advice, ...]:
    """Return what the project itself must change to run in a container: at most ten lines."""
    settings = findings.settings
    if not settings.path or findings.is_run:
        return ()
    body = _settings_lines(findings)
    packages = [line for line in body if "dj_database_url" in line]
    imports = (["import os"] if any("os." in line for line in body) else []) + (
        ["import dj_database_url"] if packages else []
    )
    advice = []
    if body:
        advice.append(Advice(settings.path, (*imports, *body), "at the end: the settings come from the environment"))
    missing = ["dj-database-url"] if packages and "dj-database-url" not in findings.dependencies.names else []
    if _advises_whitenoise(findings):
        missing.append("whitenoise")
    if missing:
        advice.append(Advice(_dependency_file(findings), tuple(missing), "these packages are needed for it"))
    return tuple(advice)


def _settings_lines(findings: Findings) -> list[str]:
    settings = findings.settings
    lines = []
    if "SECRET_KEY" in settings.fixed:
        lines.append('SECRET_KEY = os.environ.get("SECRET_KEY", SECRET_KEY)')
    if "DEBUG" in settings.fixed:
        lines.append('DEBUG = os.environ.get("DEBUG", "") == "1"')
    if "ALLOWED_HOSTS" in settings.fixed:
        lines.append(f'ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "{LOCAL_HOSTS}").split(",")')
    if not settings.reads_database_url:
        lines.append('DATABASES["default"] |= dj_database_url.config(default="", conn_max_age=60)')
    if _advises_whitenoise(findings):
        lines.append('STATIC_ROOT = os.path.join(BASE_DIR, "staticfiles")')
        lines.append('MIDDLEWARE.insert(1, "whitenoise.middleware.WhiteNoiseMiddleware")')
    return lines


def _advises_whitenoise(findings: Findings) -> bool:
    settings = findings.settings
    is_served = settings.sets_static_root or "whitenoise" in findings.dependencies.names
    return settings.uses_staticfiles and not is_served


def _dependency_file(findings: Findings) -> str:
    dependencies = findings.dependencies
    if dependencies.packaging is Packaging.NONE:
        return posixpath.join(findings.context, "requirements.txt")
    return posixpath.join(dependencies.folder, dependencies.files[0])
