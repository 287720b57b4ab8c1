"""Prints a link with which somebody sets a new password, for where no mail is sent."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from typing_extensions import override

from access.links import password_link
from access.models import User


class Command(BaseCommand):
    """The link goes to standard output alone; it works once, for a few hours."""

    help = "Print a link with which a person sets a new password; prints the link and nothing else"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the address, and where Harbour answers."""
        parser.add_argument("email", metavar="EMAIL", help="address of the person")
        parser.add_argument(
            "--origin", metavar="URL", help="as https://harbour.example.com; default: the first host allowed"
        )

    @override
    def handle(self, *args: object, **options: Any) -> None:
        """Make and print it."""
        user = User.objects.filter(email__iexact=options["email"].strip(), is_active=True).first()
        if user is None:
            raise CommandError(f"nobody who may sign in has the address {options['email']}")
        self.stdout.write(password_link(user, (options["origin"] or _origin()).rstrip("/")))


def _origin() -> str:
    named = [host.lstrip(".") for host in settings.ALLOWED_HOSTS if host != "*"]
    if not named:
        raise CommandError("ALLOWED_HOSTS names no host; say --origin https://HOST")
    return f"{'https' if settings.CONFIGURATION.https else 'http'}://{named[0]}"
