"""Writes the settings module of production: it takes the project's own, and sets what they lack on a server."""

from __future__ import annotations

import posixpath
import re

from ferryman.project.asked.lacks import Lacks
from ferryman.survey.answers import Answers

HEAD = '''\
"""Production's settings: those of {module}, and what they lack on a server.

`ferryman init` wrote this file once; it is yours. What depends on how the service is reached comes from the
environment, where the agent gives it: ALLOWED_HOSTS, CSRF_TRUSTED_ORIGINS, FERRYMAN_SCHEME.
"""
'''
SECRET_KEY = '\nSECRET_KEY = os.environ["SECRET_KEY"]\n'  # noqa: S105 - no key, but its setting
DEBUG = "\nDEBUG = False\n"
HOSTS = '\nALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")\n'
REACHED = """
# The edge sets X-Forwarded-Proto itself, whatever a client sends.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("CSRF_TRUSTED_ORIGINS", "").split(",") if origin]
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = os.environ.get("FERRYMAN_SCHEME") == "https"
SECURE_HSTS_SECONDS = 3600 if SESSION_COOKIE_SECURE else 0
"""
DATABASE = """
_database = urlsplit(os.environ["DATABASE_URL"])
DATABASES = {{
    **globals().get("DATABASES", {{}}),
    "default": {{
        "ENGINE": "{engine}",
        "NAME": unquote(_database.path.lstrip("/")),
        "USER": unquote(_database.username or ""),
        "PASSWORD": unquote(_database.password or ""),
        "HOST": _database.hostname or "",
        "PORT": _database.port or 5432,
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
    }},
}}
"""
STATIC_ROOT = '\nSTATIC_ROOT = Path(__file__).resolve().parents[{depth}] / "staticfiles"\n'
STATIC_SERVED = """
MIDDLEWARE = [*MIDDLEWARE]  # noqa: F405
MIDDLEWARE.insert({place}, "whitenoise.middleware.WhiteNoiseMiddleware")
"""
MEDIA = """
MEDIA_ROOT = Path(__file__).resolve().parents[{depth}] / "media"
MEDIA_URL = "{url}"
"""
UPLOADS = """
# /tmp is small; from here a large upload is moved, not copied
FILE_UPLOAD_TEMP_DIR = MEDIA_ROOT  # noqa: F405
"""
LOGGING = """
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {"django.server": {"level": "ERROR"}},
}
"""
SENTRY = """
if os.environ.get("SENTRY_DSN"):
    import sentry_sdk

    sentry_sdk.init(dsn=os.environ["SENTRY_DSN"], environment=os.environ.get("FERRYMAN_ENVIRONMENT"))
"""
HEALTH_CHECKED = """
MIDDLEWARE = ["{module}.HealthCheck", *MIDDLEWARE]  # noqa: F405
"""
HEALTH_MODULE = "health_production"
HEALTH_CHECK = '''\
"""The health check: 200 if the database answers, else 503. `ferryman init` wrote this file once; it is yours."""

from django.db import connection
from django.http import HttpResponse


class HealthCheck:
    """Answers /health before anything asks who is calling."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path != "/health":
            return self.get_response(request)
        try:
            connection.ensure_connection()
        except Exception:
            return HttpResponse("the database does not answer\\n", status=503, content_type="text/plain")
        return HttpResponse("ok\\n", content_type="text/plain")
'''
SECURITY = "django.middleware.security.SecurityMiddleware"


def module_beside(answers: Answers, path: str) -> tuple[str, str]:
    """The name and the path (below manage.py's folder) of production's module, beside the settings at `path`."""
    package, _, last = answers.module.rpartition(".")
    name = f"{last}_deployed" if re.search("prod|live|deploy", last) else f"{last}_production"
    if posixpath.basename(path) == "__init__.py":  # the settings are a package
        return f"{answers.module}.{name}", posixpath.join(posixpath.dirname(path), f"{name}.py")
    return f"{package}.{name}".lstrip("."), posixpath.join(posixpath.dirname(path), f"{name}.py")


def health_beside(module: str, path: str) -> tuple[str, str]:
    """The name and the path of the module with a health check, beside production's settings."""
    package = module.rpartition(".")[0]
    return f"{package}.{HEALTH_MODULE}".lstrip("."), posixpath.join(posixpath.dirname(path), f"{HEALTH_MODULE}.py")


def production_settings(answers: Answers, lacks: Lacks, path: str, health: str = "") -> str:
    """The text of the module at `path`, below manage.py's folder; `health` is a module with a health check."""
    checked = HEALTH_CHECKED.format(module=health) if health else ""
    body = "".join([*_parts(answers, lacks, path.count("/")), checked])
    imports = ["import os"] if "os." in body else []
    imports += ["from pathlib import Path"] if "Path(" in body else []
    imports += ["from urllib.parse import unquote, urlsplit"] if "urlsplit" in body else []
    head = HEAD.format(module=answers.module) + "\n" + "\n".join(imports)
    return f"{head}\n\nfrom {answers.module} import *  # noqa: F403\n{body}"


def _parts(answers: Answers, lacks: Lacks, depth: int) -> list[str]:
    settings = answers.settings
    wanted = {
        SECRET_KEY: lacks.secret_key,
        DEBUG: lacks.debug,
        HOSTS: lacks.hosts,
        REACHED: not settings.get("SECURE_PROXY_SSL_HEADER"),
        DATABASE.format(engine=_engine(answers)): lacks.database,
        STATIC_ROOT.format(depth=depth): lacks.static_root,
        STATIC_SERVED.format(place=_after_security(answers)): lacks.static_served,
        MEDIA.format(depth=depth, url=_media_url(settings.get("MEDIA_URL", ""))): lacks.media_root,
        UPLOADS: lacks.uploads,
        LOGGING: lacks.logging,
        "\n" + "".join(f"{line}  # noqa: F405\n" for line in lacks.services): bool(lacks.services),
        SENTRY: "sentry_sdk" in answers.packages and "SENTRY_DSN" not in answers.variables,
    }
    return [text for text, is_wanted in wanted.items() if is_wanted]


def _engine(answers: Answers) -> str:
    engine = answers.database().get("ENGINE", "")
    is_gis = "django.contrib.gis" in answers.settings.get("INSTALLED_APPS", []) or "gis" in engine
    return "django.contrib.gis.db.backends.postgis" if is_gis else "django.db.backends.postgresql"


def _after_security(answers: Answers) -> int:
    middleware = answers.settings.get("MIDDLEWARE", [SECURITY])
    return middleware.index(SECURITY) + 1 if SECURITY in middleware else 0


def _media_url(url: str) -> str:
    return url if url not in ("", "/") else "/media/"
