"""Registers the app with Django."""

from django.apps import AppConfig
from typing_extensions import override


class FleetConfig(AppConfig):
    """The fleet's log book."""

    name = "fleet"
    verbose_name = "Fleet"

    @override
    def ready(self) -> None:
        """Let the API's description know how requests prove who they are."""
        from fleet import schema  # noqa: F401
