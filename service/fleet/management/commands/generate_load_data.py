"""Fills an empty database with a large fleet, to measure with."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError
from typing_extensions import override

from fleet.load_data import NotEmpty, Size, generate


class Command(BaseCommand):
    """`manage.py generate_load_data --deployments 100000 --events 5000000`."""

    help = "Fills an empty database with a large fleet, to measure with."

    @override
    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the counts."""
        for name, count in vars(Size()).items():
            parser.add_argument(f"--{name}", type=int, default=count, metavar="COUNT")

    @override
    def handle(self, *args: object, **options: object) -> None:
        """Make the fleet; refuse where there is one."""
        size = Size(**{name: int(str(options[name])) for name in vars(Size())})
        if min(vars(size).values()) < 1 or size.events < size.deployments:
            raise CommandError("Every count is at least 1, and there are at least as many events as deployments")
        try:
            generate(size, self.stderr.write)
        except NotEmpty:
            raise CommandError("This database holds a fleet already; nothing was made") from None
        self.stdout.write(f"{size.deployments} deployments, {size.events} events")
