"""Writes the API's description into a file, for the image."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from typing_extensions import override

from api.description.views import BUILT, describe


class Command(BaseCommand):
    """What `/api/v1/schema/` answers with, made once instead of by each worker."""

    help = "Write the API's description as OpenAPI"

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the file."""
        parser.add_argument("file", nargs="?", type=Path, default=BUILT)

    @override
    def handle(self, *args: object, **options: Any) -> None:
        """Write it."""
        options["file"].write_text(json.dumps(describe()))
