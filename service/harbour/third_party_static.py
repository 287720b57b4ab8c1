"""Settings that collect only the static files of others, for an image layer that a change of our code leaves alone."""

from ground import static

SECRET_KEY = "used to collect static files, never to serve"  # noqa: S105
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.staticfiles",
    *static.THIRD_PARTY_APPS,
]
STATIC_URL = static.STATIC_URL
STATIC_ROOT = static.STATIC_ROOT
STORAGES = {"staticfiles": static.STORAGE}
WHITENOISE_KEEP_ONLY_HASHED_FILES = static.WHITENOISE_KEEP_ONLY_HASHED_FILES
