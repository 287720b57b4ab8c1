"""Projects that lack one thing each in production, need one variable, have one health path, or can't be run."""

from __future__ import annotations

from project import SETTINGS, Oddity

SECRET = 'SECRET_KEY = os.environ["SECRET_KEY"]'
DEBUG = 'DEBUG = os.environ.get("DEBUG", "") == "1"'
HOSTS = 'ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")'
DATABASES = SETTINGS[SETTINGS.index("URL = urlsplit") : SETTINGS.index("STATIC_URL")]
SQLITE = 'DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": BASE_DIR / "db.sqlite3"}}\n'
WHITENOISE = '    "whitenoise.middleware.WhiteNoiseMiddleware",\n'
HEALTH = 'path("health/", health)'
APP = {"cakes/__init__.py": "", "cakes/migrations/__init__.py": ""}
CAKE = """\
from django.db import models


class Cake(models.Model):
    picture = models.FileField()
"""
MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    operations = [
        migrations.CreateModel("Cake", [("id", models.BigAutoField(primary_key=True)), ("picture", models.FileField())])
    ]
"""
WITH_CAKES = {'    "django.contrib.staticfiles",\n': '    "django.contrib.staticfiles",\n    "cakes",\n'}
CAKES = {**APP, "cakes/models.py": CAKE, "cakes/migrations/0001_initial.py": MIGRATION}


LITERAL = {
    "a literal key": ({SECRET: 'SECRET_KEY = "django-insecure-x"'}, 'SECRET_KEY = os.environ["SECRET_KEY"]'),
    "a key by or": ({SECRET: 'SECRET_KEY = None or "x" * 50'}, 'SECRET_KEY = os.environ["SECRET_KEY"]'),
    "a key made at each start": (
        {SECRET: "from django.utils.crypto import get_random_string\nSECRET_KEY = get_random_string(50)"},
        'SECRET_KEY = os.environ["SECRET_KEY"]',
    ),
    "debug": ({DEBUG: "DEBUG = True"}, "DEBUG = False"),
    "debug by comparison": ({DEBUG: "DEBUG = 1 == 1"}, "DEBUG = False"),
    "hosts": ({HOSTS: 'ALLOWED_HOSTS = ["example.com"]'}, 'ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS"'),
    "hosts split by blanks": (
        {HOSTS: 'ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "").split()'},
        'ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS"',
    ),
    "sqlite": ({DATABASES: SQLITE}, 'urlsplit(os.environ["DATABASE_URL"])'),
    "sqlite in spite of the URL": (
        {DATABASES: SQLITE + 'DATABASES["default"] |= {"TEST": {}}\n'},
        'urlsplit(os.environ["DATABASE_URL"])',
    ),
    "no static root": ({'STATIC_ROOT = BASE_DIR / "staticfiles"\n': ""}, 'STATIC_ROOT = Path(__file__)'),
    "nothing serves static files": ({WHITENOISE: ""}, 'MIDDLEWARE.insert(1, "whitenoise.'),
    "no console": ({'"logging.StreamHandler"': '"logging.NullHandler"'}, "LOGGING = {"),
}  # fmt: skip


FORMS = {
    "int": ('PORT = int(os.environ["SMTP_PORT"])', "SMTP_PORT", "1"),
    "bool": ('FLAG = os.environ["FLAG_DEBUG"].lower() in ("true", "1")', "FLAG_DEBUG", "0"),
    "json": ('import json\nOPTIONS = json.loads(os.environ["OPTIONS"])', "OPTIONS", "placeholder"),
    "url": ('REDIS = os.environ["REDIS_URL"]', "REDIS_URL", "redis://127.0.0.1:6379/0"),
    "split without default": ('NAMES = os.environ.get("NAMES").split(",")', "NAMES", "placeholder"),
    "getenv, and a check": ('if not os.getenv("API_KEY"):\n    raise ValueError("API_KEY is missing")', "API_KEY", ""),
    "a check with an exit": ('if "LICENCE" not in os.environ:\n    raise SystemExit("set LICENCE")', "LICENCE", ""),
}  # fmt: skip


HEALTHS = {
    "none": ("", "/health"),
    "behind a login": ('path("health/", login_required(health))', "/health"),
    "a redirect": ('path("ping/", RedirectView.as_view(url="/admin/"))', "/admin/login/"),
    "in another language": ('*i18n_patterns(path("up/", health))', "/en-us/up/"),
    "by a regular expression": ('re_path(r"^healthz/?$", health)', "/healthz/"),
}
IMPORTS = """\
from django.conf.urls.i18n import i18n_patterns
from django.contrib.auth.decorators import login_required
from django.urls import re_path
from django.views.generic import RedirectView
"""


REFUSED = {
    "MySQL": (
        Oddity("mysql", {DATABASES: 'DATABASES = {"default": {"ENGINE": "django.db.backends.mysql", "NAME": "x"}}\n'}),
        "not-postgresql",
    ),
    "models without migrations": (
        Oddity("unmigrated", WITH_CAKES, "", {"cakes/__init__.py": "", "cakes/models.py": CAKE}),
        "no-migrations",
    ),
    "PostGIS": (
        Oddity(
            "vector",
            WITH_CAKES,
            "",
            {**CAKES, "cakes/migrations/0001_initial.py": MIGRATION.replace(
                "operations = [", 'operations = [migrations.RunSQL("CREATE EXTENSION IF NOT EXISTS vector"),')},
        ),
        "extension-missing",
    ),
}  # fmt: skip
