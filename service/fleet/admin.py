"""A window on the records for the person who runs Harbour."""

from django.contrib import admin
from django.http import HttpRequest
from typing_extensions import override

from fleet.models import App, Deployment, Environment, Release, Server, ServerToken

admin.site.register(App)
admin.site.register(Server)


class Records(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class takes no argument when it runs
    """What all tables here share."""


@admin.register(ServerToken)
class ServerTokenAdmin(Records):
    """Tokens can be revoked here, not made: their text is shown by create_server_token alone."""

    list_display = ("server", "created_at", "revoked_at")
    list_select_related = ("server",)

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        """Refuse."""
        return False


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
