"""How gunicorn serves Harbour in its container."""

import gc
import os
import signal
import sys
from typing import Any

# The kernel drops a SIGTERM that process 1 has no handler for, so a stop during the start would wait for SIGKILL.
# gunicorn replaces this handler when it begins to listen.
signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))


def _logging() -> dict[str, Any]:
    """Read the environment before anything else does, so that a mistake in it is one line and no traceback."""
    from django.core.exceptions import ImproperlyConfigured

    from harbour.configuration import load
    from harbour.logs import logging_configuration

    try:
        return logging_configuration(load().log_level)
    except ImproperlyConfigured as error:
        sys.exit(f"harbour: {error}")


bind = [f"0.0.0.0:{os.environ.get('PORT', '8000')}"]
wsgi_app = "harbour.wsgi"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = int(os.environ.get("HARBOUR_THREADS", "4"))
# Imported once, before the fork: workers start at once and share the memory.
preload_app = True
# A container is stopped with SIGTERM and killed 30 s later; open requests get all but the last of it.
graceful_timeout = 28
timeout = 60
keepalive = 5
worker_tmp_dir = "/tmp"  # noqa: S108
control_socket_disable = True
logconfig_dict = _logging()


def when_ready(_server: object) -> None:
    """Keep the collector off what was imported: touching it would give each worker a copy of its own."""
    gc.collect()
    gc.freeze()
