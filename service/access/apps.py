"""Registers the app with Django."""

from django.apps import AppConfig
from typing_extensions import override


class AccessConfig(AppConfig):
    """People and what they may do."""

    name = "access"
    verbose_name = "Access"

    @override
    def ready(self) -> None:
        """Let the API's description know how requests prove who they are."""
        from access import schema  # noqa: F401
