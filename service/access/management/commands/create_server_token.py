"""Makes a token with which a server's agent reports."""

import re
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from typing_extensions import override

from access.tokens import create_server_token
from fleet.models import Server

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class Command(BaseCommand):
    """The token goes to standard output alone, once; Harbour keeps only its digest."""

    help = "Make a token for a server (and the server, if it is new); prints the token and nothing else"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the server's name."""
        parser.add_argument("--server", required=True, metavar="NAME", help="name of the server")

    @override
    @transaction.atomic
    def handle(self, *args: object, **options: Any) -> None:
        """Make and print it."""
        name = options["server"]
        if not NAME.fullmatch(name):
            raise CommandError(f"{name!r} is not a server's name: letters, digits, dot, dash, underscore, at most 63")
        server, _ = Server.objects.get_or_create(name=name)
        self.stdout.write(create_server_token(server))
