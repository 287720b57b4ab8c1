"""Django's settings, derived from the typed configuration."""

from ground import static
from ground.configuration import database, load
from ground.mail import email
from ground.telemetry.logs import configure_structlog, logging_configuration
from harbour.api_settings import REST_FRAMEWORK, SPECTACULAR_SETTINGS  # noqa: F401  # Django reads them here

CONFIGURATION = load()

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
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "procrastinate.contrib.django",
    "fleet",
    "access",
    "api",
    "pages",
    "harbour",
]

MIDDLEWARE = [
    "ground.telemetry.metrics.MetricsMiddleware",
    # Early, so that a health check needs no valid Host header, no TLS and no session.
    "ground.web.health.HealthMiddleware",
    "ground.telemetry.request_log.RequestLogMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "ground.web.content_security.ContentSecurityMiddleware",
    "ground.web.released_static.StaticMiddleware",
    "api.answers.ApiAnswersMiddleware",
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

DATABASES = {"default": database(CONFIGURATION.database_url)}

AUTH_USER_MODEL = "access.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "fleet"
LOGOUT_REDIRECT_URL = "sign-in"
PASSWORD_RESET_TIMEOUT = 4 * 3600
CSRF_FAILURE_VIEW = "pages.errors.forged"

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

PROCRASTINATE_IMPORT_PATHS = ["ground.jobs", "harbour.retention"]
globals().update(email(CONFIGURATION.email_url, CONFIGURATION.email_from))

LOGGING = logging_configuration(CONFIGURATION.log_level, is_readable=DEBUG, stream="stderr")
configure_structlog()
