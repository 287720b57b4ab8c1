#!/usr/bin/env python
"""Harbour's command line."""

import os
import sys
from pathlib import Path

DEVELOPMENT = {
    "DEBUG": "true",
    "DATABASE_URL": f"sqlite:///{Path(__file__).resolve().parent / '.dev' / 'harbour.sqlite3'}",
    "HARBOUR_PUBLIC_READ": "true",
}


def main() -> None:
    """Run one command; `dev` needs no configuration, every other reads the environment."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "harbour.settings")
    if sys.argv[1:2] == ["dev"]:
        for name, value in DEVELOPMENT.items():
            os.environ.setdefault(name, value)
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"harbour: {error}")


if __name__ == "__main__":
    main()
