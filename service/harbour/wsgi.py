"""The WSGI application; loaded before gunicorn forks, so that workers share its memory."""

import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from ground.web.released_static import share
from ground.web.slow_bodies import SlowBodies
from harbour.templates import load_templates

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "harbour.web_settings")
share()
application = SlowBodies(get_wsgi_application(), settings.CONFIGURATION.threads)
# The first request would otherwise pay for importing the views and reading the templates, and each worker would keep
# them in memory of its own.
get_resolver().url_patterns  # noqa: B018
load_templates()
