"""Mistakes in ferryman.toml: no pinned host key, a stop that is too short, DEBUG, migrations in a role's command."""

from __future__ import annotations

from collections.abc import Iterator

from ferryman.checks.dockerfile import debug_on, graceful_seconds, migrates_at_start
from ferryman.checks.finding import Finding
from ferryman.checks.project import Project
from ferryman.image.instructions import MIGRATE

TRUE = ("1", "true", "on", "yes")


def check_configuration(project: Project) -> Iterator[Finding]:
    """All findings of ferryman.toml."""
    yield from _host_keys(project)
    yield from _stop(project)
    app = project.configuration.app
    for name in ("DEBUG", "DJANGO_DEBUG"):
        if app.env.values.get(name, "").lower() in TRUE:
            yield debug_on(project.toml, project.line("app", "env", "values", name))
    for name, role in app.roles.others.items():  # web's is judged with the image
        if MIGRATE.search(" ".join(role.command)):
            yield migrates_at_start(project.toml, project.line("app", "roles", name, "command"))


def _host_keys(project: Project) -> Iterator[Finding]:
    for name, section in project.configuration.environments.items():
        if not section.host_key:
            yield Finding(
                project.toml,
                project.line("environments", name),
                "unpinned-host-key",
                f"the server of {name} has no pinned host key, so nothing is deployed to it",
                f"`ferryman server setup --to {name}` pins it",
                "warning",
            )


def _stop(project: Project) -> Iterator[Finding]:
    web = project.configuration.app.roles.web
    seconds = graceful_seconds(project)
    if seconds is not None and web.stop_grace < seconds:
        yield Finding(
            project.toml,
            project.line("app", "roles", "web", "stop_grace"),
            "stop-grace-too-short",
            f"the server waits {seconds:.0f} s for open requests, but is killed after {web.stop_grace:.0f} s",
            f'set [app.roles.web] stop_grace to more than "{seconds:.0f}s", or the server\'s graceful timeout to less',
        )
