"""Django's settings, derived from the typed configuration."""

from pathlib import Path

from harbour import static
from harbour.configuration import database, load
from harbour.logs import configure_structlog, logging_configuration

CONFIGURATION = load()
BASE_DIR = Path(__file__).resolve().parent.parent

SECRET_KEY = CONFIGURATION.secret_key
DEBUG = CONFIGURATION.debug
ALLOWED_HOSTS = list(CONFIGURATION.allowed_hosts)
ROOT_URLCONF = "harbour.urls"
WSGI_APPLICATION = "harbour.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    *static.THIRD_PARTY_APPS,
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "fleet",
]

MIDDLEWARE = [
    # First, so that a health check needs no valid Host header, no TLS and no session.
    "harbour.health.HealthMiddleware",
    "harbour.request_log.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "harbour.content_security.ContentSecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

DATABASES = {"default": database(CONFIGURATION.database_url or "sqlite://", CONFIGURATION.pool_size)}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "fleet"
LOGOUT_REDIRECT_URL = "sign-in"

USE_I18N = False
TIME_ZONE = "UTC"

STATIC_URL = static.STATIC_URL
STATIC_ROOT = static.STATIC_ROOT
WHITENOISE_KEEP_ONLY_HASHED_FILES = static.WHITENOISE_KEEP_ONLY_HASHED_FILES
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": ({"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"} if DEBUG else static.STORAGE),
}

# The edge is the only way in, and it sets this header itself.
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = CONFIGURATION.https
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if CONFIGURATION.https else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = CONFIGURATION.https
SECURE_HSTS_PRELOAD = CONFIGURATION.https
SESSION_COOKIE_SECURE = CONFIGURATION.https
CSRF_COOKIE_SECURE = CONFIGURATION.https
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 8 * 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["fleet.access.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["fleet.access.MayRead"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "harbour.problems.answer_exception",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Harbour",
    "DESCRIPTION": "The fleet's log book: which release serves where, and how each deployment went.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["fleet.access.MayRead"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
}

LOGGING = logging_configuration(CONFIGURATION.log_level, is_readable=DEBUG)
configure_structlog()
