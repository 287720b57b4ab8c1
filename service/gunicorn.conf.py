"""How gunicorn serves Harbour in its container."""

import os
import sys

from django.core.exceptions import ImproperlyConfigured

from harbour.configuration import load
from harbour.logs import logging_configuration

try:
    configuration = load()
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
logconfig_dict = logging_configuration(configuration.log_level)
