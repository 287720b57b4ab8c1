"""A window on the records for the person who runs Harbour."""

from typing import ClassVar

from django.contrib import admin
from django.db import models

from fleet.models import App, Deployment, Environment, Notice, Release, Server


class Records(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class takes no argument when it runs
    """What all tables here share."""


@admin.register(App)
class AppAdmin(Records):
    """Apps."""

    list_display = ("name", "description", "repository", "created_at")
    formfield_overrides: ClassVar = {models.URLField: {"assume_scheme": "https"}}


@admin.register(Server)
class ServerAdmin(Records):
    """Servers."""

    list_display = ("name", "agent", "last_reported_at", "last_sequence")
    readonly_fields = ("gaps",)


@admin.register(Environment)
class EnvironmentAdmin(Records):
    """Apps in their environments."""

    list_display = ("app", "name", "server", "release", "serving_since")
    list_select_related = ("app", "server", "release")
    raw_id_fields = ("release",)


@admin.register(Release)
class ReleaseAdmin(Records):
    """Releases."""

    list_display = ("environment", "number", "revision", "created_at")
    raw_id_fields = ("environment",)


@admin.register(Deployment)
class DeploymentAdmin(Records):
    """Deployments."""

    list_display = ("id", "environment", "kind", "outcome", "started_at", "seconds")
    list_filter = ("outcome", "kind")
    raw_id_fields = ("environment", "release")


@admin.register(Notice)
class NoticeAdmin(Records):
    """Notices."""

    list_display = ("code", "subject", "server", "severity", "since", "ended_at")
    list_filter = ("severity",)
    list_select_related = ("server",)
    raw_id_fields = ("environment",)
