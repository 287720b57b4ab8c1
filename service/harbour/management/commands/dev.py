"""Runs Harbour for development, with nothing configured."""

import os
from argparse import ArgumentParser
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from typing_extensions import override

from ground.postgresql import local


class Command(BaseCommand):
    """A PostgreSQL of its own, migrated, with example data, served on 127.0.0.1:8000 and reloaded on change."""

    help = "Run Harbour for development: a PostgreSQL of its own, example data, automatic reload"
    requires_system_checks: list[str] = []  # noqa: RUF012

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address."""
        parser.add_argument("address", nargs="?", default="127.0.0.1:8000", help="address to listen on")

    @override
    def handle(self, *args: object, **options: Any) -> None:
        """Prepare the database in the first process, then serve."""
        if not settings.DEBUG:
            raise CommandError("dev runs with DEBUG only; take DEBUG out of the environment")
        # The reloader starts this command again in a child, which finds all prepared.
        if "RUN_MAIN" in os.environ:
            call_command("runserver", options["address"])
            return
        with _database():
            call_command("migrate", interactive=False, verbosity=0)
            call_command("load_example_data")
            call_command("runserver", options["address"])


def _database() -> AbstractContextManager[object]:
    """The database that DATABASE_URL names is somebody else's; without one, run the one for development."""
    if os.environ["DATABASE_URL"] != local.development_url():
        return nullcontext()
    return local.running(local.development_folder())
