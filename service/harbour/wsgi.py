"""The WSGI application; loaded before gunicorn forks, so that workers share its memory."""

import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "harbour.settings")
application = get_wsgi_application()
# The first request would otherwise pay for importing the views.
get_resolver().url_patterns  # noqa: B018
