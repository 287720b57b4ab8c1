"""Settings of the tests: the PostgreSQL that DATABASE_URL names, else one that the tests start."""

import os
import tempfile
from pathlib import Path

# Each process of pytest-xdist starts one: what it inherits names the one of the process that started it.
OWN = Path(tempfile.gettempdir()) / "harbour-tests-"
CLUSTER = Path(f"{OWN}{os.getpid()}")
OWN_CLUSTER = str(OWN) in os.environ.get("DATABASE_URL", str(OWN))
if OWN_CLUSTER:
    os.environ["DATABASE_URL"] = f"postgres://harbour@/postgres?host={CLUSTER}"
os.environ.setdefault("SECRET_KEY", "a-key-of-the-tests-" + "0123456789" * 4)
os.environ.setdefault("ALLOWED_HOSTS", "testserver")

from harbour.settings import *  # noqa: E402, F403

# Nothing is collected in a checkout.
STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}  # noqa: F405
WHITENOISE_AUTOREFRESH = True
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
