"""Settings of the tests: PostgreSQL when DATABASE_URL names one, else SQLite in memory."""

import os

os.environ.setdefault("DATABASE_URL", "sqlite://")
os.environ.setdefault("SECRET_KEY", "a-key-of-the-tests-" + "0123456789" * 4)
os.environ.setdefault("ALLOWED_HOSTS", "testserver")

from harbour.settings import *  # noqa: F403

# Nothing is collected in a checkout, and a pool would outlive the test database that it is connected to.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
DATABASES["default"].get("OPTIONS", {}).pop("pool", None)  # noqa: F405
WHITENOISE_AUTOREFRESH = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
