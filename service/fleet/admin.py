"""A window on the records for the person who runs Harbour."""

from typing import ClassVar

from django.contrib import admin

from fleet.models import App, Deployment, Environment, Release, Server, ServerToken

admin.site.register(App)
admin.site.register(Server)


class Records(admin.ModelAdmin):  # type: ignore[type-arg]  # Django's class takes no argument when it runs
    """What all tables here share."""


@admin.register(ServerToken)
class ServerTokenAdmin(Records):
    """Tokens can be revoked here, not made: their text is shown by create_server_token alone."""

    list_display: ClassVar = ["server", "created_at", "revoked_at"]
    list_select_related: ClassVar = ["server"]

    def has_add_permission(self, *args: object) -> bool:
        """Refuse."""
        return False


@admin.register(Environment)
class EnvironmentAdmin(Records):
    """Apps in their environments."""

    list_display: ClassVar = ["app", "name", "server", "release", "serving_since"]
    list_select_related: ClassVar = ["app", "server", "release"]
    raw_id_fields: ClassVar = ["release"]


@admin.register(Release)
class ReleaseAdmin(Records):
    """Releases."""

    list_display: ClassVar = ["environment", "number", "revision", "created_at"]
    raw_id_fields: ClassVar = ["environment"]


@admin.register(Deployment)
class DeploymentAdmin(Records):
    """Deployments."""

    list_display: ClassVar = ["id", "environment", "kind", "outcome", "started_at", "seconds"]
    list_filter: ClassVar = ["outcome", "kind"]
    raw_id_fields: ClassVar = ["environment", "release"]
