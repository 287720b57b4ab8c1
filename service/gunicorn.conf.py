"""How gunicorn serves Harbour in its container."""

import gc
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ground.telemetry.logs import logging_configuration

if TYPE_CHECKING:
    from ground.configuration import Configuration

# The kernel drops a SIGTERM that process 1 has no handler for, so a stop during the start would wait for SIGKILL.
# gunicorn replaces this handler when it begins to listen.
signal.signal(signal.SIGTERM, lambda *_: os._exit(128 + signal.SIGTERM))


def _configuration() -> "Configuration":
    """Read the environment before anything else does, so that a mistake in it is one line and no traceback."""
    from django.core.exceptions import ImproperlyConfigured

    from ground.configuration import load

    try:
        return load()
    except ImproperlyConfigured as error:
        sys.exit(f"harbour: {error}")


CONFIGURATION = _configuration()
# Workers count in files of this folder; the library looks for it when it is imported, which is later.
METRICS = Path(f"/tmp/harbour-metrics-{os.getpid()}")  # noqa: S108
shutil.rmtree(METRICS, ignore_errors=True)
METRICS.mkdir(mode=0o700)
os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(METRICS)

bind = [f"0.0.0.0:{CONFIGURATION.port}"]
wsgi_app = "harbour.wsgi"
worker_class = "gthread"
workers = CONFIGURATION.workers
threads = CONFIGURATION.threads
# Imported once, before the fork: workers start at once and share the memory.
preload_app = True
# A container is stopped with SIGTERM and killed 30 s later; open requests get all but the last of it.
graceful_timeout = 28
timeout = 60
keepalive = 5
worker_tmp_dir = "/tmp"  # noqa: S108
control_socket_disable = True
logconfig_dict = logging_configuration(CONFIGURATION.log_level)


def when_ready(_server: object) -> None:
    """Keep the collector off what was imported: touching it would give each worker a copy of its own."""
    gc.collect()
    gc.freeze()
    # Full collections come when a quarter of what the last one left has been added: without this one, of the frozen.
    gc.collect()
    # A report leaves thousands of objects in cycles with its request: they go soon, not after some more reports.
    gc.set_threshold(200, 5, 2)


def child_exit(_server: object, worker: Any) -> None:
    """Keep a dead worker's counts, and forget what it was doing."""
    from prometheus_client.multiprocess import mark_process_dead

    mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]


def on_exit(_server: object) -> None:
    """Leave nothing behind."""
    shutil.rmtree(METRICS, ignore_errors=True)
