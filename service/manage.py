#!/usr/bin/env python
"""Harbour's command line."""

import os
import signal
import sys

DEVELOPMENT = {"DEBUG": "true", "HARBOUR_PUBLIC_READ": "true"}


def main() -> None:
    """Run one command; `dev` needs no configuration, every other reads the environment."""
    # The kernel drops a SIGTERM that process 1 of a container has no handler for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "harbour.settings")
    if sys.argv[1:2] == ["dev"]:
        from ground.postgresql.local import development_url

        for name, value in {**DEVELOPMENT, "DATABASE_URL": development_url()}.items():
            os.environ.setdefault(name, value)
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"harbour: {error}")


if __name__ == "__main__":
    main()
