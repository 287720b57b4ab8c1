"""Registers the project itself with Django: its checks, its commands, its jobs."""

from django.apps import AppConfig
from django.core import checks
from typing_extensions import override


class HarbourConfig(AppConfig):
    """The project."""

    name = "harbour"
    verbose_name = "Harbour"

    @override
    def ready(self) -> None:
        """Have `migrate` check that PostgreSQL has room for all connections."""
        from harbour.connections import check_connections

        checks.register(check_connections, checks.Tags.database)
