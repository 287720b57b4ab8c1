"""Plans the files that `init` writes."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping

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


def planned_files(findings: Findings) -> Mapping[str, str]:
    """Map the path of each file that a project has once it is taken in to its text.

    .gitignore is among them only where it lacks the line that it gets at its end.
    """
    context = findings.context
    planned = {
        "ferryman.toml": configuration(findings),
        posixpath.join(context, findings.dockerfile): dockerfile(findings),
        posixpath.join(context, ignored_by(findings)): DOCKERIGNORE,
    }
    if findings.keeps_dockerfile:  # what it copies is not to be hidden from it
        del planned[posixpath.join(context, ignored_by(findings))]
    planned |= findings.production
    ignored = findings.gitignore
    if GITIGNORE_LINE not in ignored.split():
        planned[".gitignore"] = (
            ignored + ("\n" if ignored and not ignored.endswith("\n") else "") + GITIGNORE_LINE + "\n"
        )
    return planned


def ignored_by(findings: Findings) -> str:
    """The name of what is left out of the build; where the project has one, made for another build, ours is for us."""
    is_taken = posixpath.join(findings.context, ".dockerignore") in findings.existing
    return f"{findings.dockerfile}.dockerignore" if findings.unfit_dockerfile or is_taken else ".dockerignore"


def configuration(findings: Findings) -> str:
    """Return the text of ferryman.toml."""
    settings = findings.settings
    parts = [
        "[app]\n"
        f'name = "{findings.name}"\n'
        f'image = "{findings.image}"    # Docker Hub, unless it names another registry\n'
        + (f'context = "{findings.context}"\n' if findings.context else "")
        + (f'dockerfile = "{findings.dockerfile}"\n' if findings.unfit_dockerfile else ""),
        f'[app.roles.web]\nport = 8000\nhealth = "{findings.health}"\n',
    ]
    parts += _beside_web(findings)
    hosts = hosts_variable(findings)
    required = [f'"{name}"' for name in settings.required if name != hosts]
    parts += _environment(findings, required, hosts)
    if settings.media_root:
        parts.append(f'[app.volumes]\nmedia = "{in_image(findings, settings.media_root)}"\n')
    named = ", ".join(f'{name} = "{part}"' for name, part in settings.database_variables.items())
    if findings.branch != "main":
        parts.append(f'[pipeline]\nbranch = "{findings.branch}"\n')
    parts += [
        '[database]\nversion = 17\nmigrate = ["python", "manage.py", "migrate", "--noinput"]\n'
        + (f"variables = {{ {named} }}\n" if named else ""),
        *_accessories(findings),
        '[environments.production]\nhost = "${VPS_HOST}"\nuser = "${VPS_USERNAME}"\n'
        f'# domain = "{findings.name}.example.com"\n',
    ]
    return "\n".join(parts)


def _beside_web(findings: Findings) -> list[str]:
    """The sections of further roles and of schedules."""
    parts = []
    for name, role in findings.roles.items():
        lines = [f"command = {_words(role.command)}"]
        lines += [f'stop_grace = "{role.stop_grace}"'] if role.stop_grace else []
        lines += ["overlap = false    # one at a time, or each task is sent twice"] if role.is_single else []
        parts.append("\n".join([f"[app.roles.{name}]", *lines]) + "\n")
    for name, schedule in findings.schedules.items():
        lines = [f"cron = {json.dumps(schedule.cron)}    # UTC", f"command = {_words(schedule.command)}"]
        parts.append("\n".join([f"[app.schedules.{name}]", *lines]) + "\n")
    return parts


def _accessories(findings: Findings) -> list[str]:
    """The sections of side containers."""
    parts = []
    for name, accessory in findings.accessories.items():
        lines = [f"[accessories.{name}]", f'image = "{accessory.image}"']
        lines += [f"command = {_words(accessory.command)}"] if accessory.command else []
        lines += [f"health = {_words(accessory.health)}"] if accessory.health else []
        for title, table in (("volumes", accessory.volumes), ("env.values", accessory.values)):
            told = [f"{key} = {json.dumps(value)}" for key, value in table.items()]
            lines += ["", f"[accessories.{name}.{title}]", *told] if told else []
        parts.append("\n".join(lines) + "\n")
    return parts


def _words(command: tuple[str, ...]) -> str:
    return json.dumps(command)


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
