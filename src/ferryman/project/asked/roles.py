"""Proposes roles and schedules for the work beside the web process, with the services that it needs; pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ferryman.config.fields import is_cron
from ferryman.project.asked.services import propose_services
from ferryman.project.findings import Findings, Role, Schedule
from ferryman.survey.answers import Answers

MANAGE = ("python", "manage.py")
TASK_SECONDS = "60s"  # for the task that a worker is at
DATABASE_SCHEDULER = "django_celery_beat.schedulers:DatabaseScheduler"
USUAL_SCHEDULER = "celery.beat:PersistentScheduler"
EVERY_FIVE_MINUTES = "*/5 * * * *"
CALL_COMMAND = "django.core.management.call_command"
CHANNELS = frozenset({"channels", "daphne"})


@dataclass
class Proposed:
    """Roles and schedules by name, and what is to be said of them."""

    roles: dict[str, Role] = field(default_factory=dict)
    schedules: dict[str, Schedule] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)

    def add(self, role: Role, kind: str, reason: str) -> None:
        """A worker; a second kind of them has its own name."""
        name = "worker" if "worker" not in self.roles else kind
        self.roles[name] = role
        self.notes.append(f"role {name}: {reason}")


def with_background(findings: Findings, answers: Answers, told: Answers | None) -> tuple[Findings, dict[str, str]]:
    """The findings with roles, accessories and schedules, and lines that production's settings need, with reasons.

    `told` are the answers with telling values (services.py), None when there are none.
    """
    services, proposed = propose_services(answers, told), propose_roles(told or answers)
    findings = _served(findings, answers)
    made = replace(
        findings,
        roles=proposed.roles,
        schedules=proposed.schedules,
        accessories=services.accessories,
        values={**services.values, **findings.values},
        notes=(*findings.notes, *proposed.notes, *services.notes),
        unknown=(*findings.unknown, *proposed.questions, *services.questions),
    )
    return made, services.settings


def _served(findings: Findings, answers: Answers) -> Findings:
    """A project with Channels is served by ASGI, wherever its settings stand."""
    application = answers.settings.get("ASGI_APPLICATION", "")
    if not application or findings.is_asgi or not CHANNELS & _apps(answers):
        return findings
    module, _, attribute = application.rpartition(".")
    note = f"the image serves {application} by ASGI: the project has Channels"
    return replace(findings, application=f"{module}:{attribute}", is_asgi=True, notes=(*findings.notes, note))


def propose_roles(answers: Answers) -> Proposed:
    """What each queue and each list of timed functions in the project needs."""
    proposed = Proposed()
    found, apps = answers.background, _apps(answers)
    _celery(proposed, found.get("celery", []), apps)
    for role, kind, reason in _workers(found, apps):
        proposed.add(role, kind, reason)
    if found.get("huey") and "huey.contrib.djhuey" in apps:
        _huey(proposed, found["huey"])
    for job in found.get("cron", []):
        _cron_job(proposed, job)
    if found.get("cron_classes") and "django_cron" in apps:
        proposed.schedules["runcrons"] = Schedule(EVERY_FIVE_MINUTES, (*MANAGE, "runcrons"))
        proposed.notes.append("schedule runcrons: CRON_CLASSES has classes, which django-cron runs when they are due")
    return proposed


def _apps(answers: Answers) -> set[str]:
    return {name.partition(".apps.")[0] for name in answers.settings.get("INSTALLED_APPS", [])}


def _workers(found: Mapping[str, Any], apps: set[str]) -> Iterator[tuple[Role, str, str]]:
    """Those that a single command of manage.py starts."""
    if found.get("rq") and "django_rq" in apps:
        queues = found["rq"]
        yield _worker("rqworker", *queues), "rq", f"RQ_QUEUES names {', '.join(queues)}"
    if found.get("q_cluster") and "django_q" in apps:
        yield _worker("qcluster"), "qcluster", "Q_CLUSTER is set; it runs Django Q's schedules too"
    if "procrastinate.contrib.django" in apps:
        yield _worker("procrastinate", "worker"), "procrastinate", "INSTALLED_APPS has procrastinate"
    if "django_dramatiq" in apps:
        yield _worker("rundramatiq", "--processes=1"), "dramatiq", "INSTALLED_APPS has django_dramatiq"
    backend = next((name for name in found.get("tasks", []) if _is_in_the_database(name)), "")
    if backend:
        yield _worker("db_worker"), "tasks", f"TASKS keeps tasks in the database ({backend})"


def _worker(*words: str) -> Role:
    return Role((*MANAGE, *words), TASK_SECONDS)


def _is_in_the_database(backend: str) -> bool:
    return "DatabaseBackend" in backend and ("django_tasks" in backend or "django.tasks" in backend)


def _celery(proposed: Proposed, found: list[dict[str, Any]], installed: set[str]) -> None:
    if len(found) > 1:
        names = ", ".join(app["module"] for app in found)
        proposed.questions.append(f"there are several Celery apps ({names}): which one has a worker? ([app.roles])")
    if len(found) != 1:
        return
    app = found[0]
    if app["is_eager"]:
        proposed.notes.append("Celery has no worker: task_always_eager is on, so that the web process does each task")
        return
    words = ("celery", "-A", app["module"])
    queues = (f"--queues={','.join(app['queues'])}",) if app["queues"] else ()
    sent = f", and tasks are sent to {', '.join(app['queues'][1:])}" if app["queues"] else ""
    worker = Role((*words, "worker", "--loglevel=info", "--concurrency=2", *queues), TASK_SECONDS)
    proposed.add(worker, "celery", f"Celery's app is in {app['module']}{sent}")
    if "django_celery_beat" in installed:
        beat = (*words, "beat", "--loglevel=info", f"--scheduler={DATABASE_SCHEDULER}")
        reason = "INSTALLED_APPS has django_celery_beat"
    elif app["schedule"]:
        kept = ("--schedule=/tmp/celerybeat-schedule",) if app["scheduler"] == USUAL_SCHEDULER else ()
        beat = (*words, "beat", "--loglevel=info", *kept)
        reason = f"Celery's schedule has {', '.join(app['schedule'][:5])}"
    else:
        return
    proposed.roles["beat"] = Role(beat, is_single=True)
    proposed.notes.append(f"role beat: {reason}")


def _huey(proposed: Proposed, kind: str) -> None:
    if "Redis" in kind:
        proposed.add(_worker("run_huey"), "huey", f"HUEY is set ({kind})")
    else:
        proposed.questions.append(f"HUEY is a {kind}: where does it keep its tasks, so that web and worker share them?")


def _cron_job(proposed: Proposed, job: Mapping[str, Any]) -> None:
    module, _, function = job["function"].rpartition(".")
    if not is_cron(job["cron"]) or not module:
        proposed.questions.append(
            f"CRONJOBS has {job['function'] or 'an entry'} at {job['cron']!r}, which is no cron time"
        )
        return
    words = [*job["words"], *(f"{name}={value}" for name, value in job["named"].items())]
    if job["function"] == CALL_COMMAND and job["words"] and not job["named"]:
        plain = [word[1:-1] for word in re.findall(r"'[^'\\]*'", " ".join(job["words"]))]
        command, name = (*MANAGE, *plain), plain[0] if plain else "cron"
    else:
        code = f"from {module} import {function}; {function}({', '.join(words)})"
        command, name = (*MANAGE, "shell", "-c", code), function
    name = _free(re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-0123456789")[:26] or "cron", proposed)
    proposed.schedules[name] = Schedule(job["cron"], command)
    proposed.notes.append(f"schedule {name}: it is in CRONJOBS; its time is in UTC here")


def _free(name: str, proposed: Proposed) -> str:
    taken = {*proposed.schedules, *proposed.roles, "web"}
    return next(found for found in (name, *(f"{name}-{n}" for n in range(2, 1000))) if found not in taken)
