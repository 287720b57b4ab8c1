"""Fills an empty Harbour with a fleet to look at."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone
from typing_extensions import override

from access import example as people
from fleet.example import reports
from fleet.models import Server
from fleet.recording import record


class Command(BaseCommand):
    """The same fleet each time, except that it ends now; a second run adds nothing."""

    help = "Store an example fleet, through the same code that stores reports; with DEBUG, accounts to sign in with too"

    @override
    def handle(self, *args: object, **options: Any) -> None:
        """Store one report per server."""
        for name, report in reports(timezone.now().replace(second=0, microsecond=0)).items():
            server, _ = Server.objects.get_or_create(name=name)
            receipt = record(server, report)
            self.stdout.write(
                f"{name}: {receipt.accepted} events stored, {receipt.duplicates} known", self.style.SUCCESS
            )
        if settings.DEBUG:
            people.make_people()
            self.stdout.write(f"Sign in as {' or '.join(people.PEOPLE)} with the password: {people.PASSWORD}")
