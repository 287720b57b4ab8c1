"""Mail: which server sends it, and whether there is one."""

from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage

TIMEOUT_SECONDS = 10
PORTS = {"tls": 587, "ssl": 465}


def email(url: str, sender: str) -> dict[str, Any]:
    """Django's settings for smtp://user:password@host:port/?tls=true (or ssl=true); without one, none is sent."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise ImproperlyConfigured("EMAIL_URL has a port that is not a number") from None
    if url and (parts.scheme != "smtp" or not parts.hostname):
        raise ImproperlyConfigured("EMAIL_URL must be smtp://user:password@host:port/?tls=true")
    options = dict(parse_qsl(parts.query))
    chosen = [name for name in PORTS if options.get(name, "").lower() in {"true", "1", "yes"}]
    if len(chosen) > 1:
        raise ImproperlyConfigured("EMAIL_URL can't have both tls and ssl")
    return {
        "EMAIL_BACKEND": f"django.core.mail.backends.{'smtp' if url else 'dummy'}.EmailBackend",
        "EMAIL_HOST": parts.hostname or "",
        "EMAIL_PORT": port or (PORTS[chosen[0]] if chosen else 25),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_TLS": chosen == ["tls"],
        "EMAIL_USE_SSL": chosen == ["ssl"],
        "EMAIL_TIMEOUT": TIMEOUT_SECONDS,
        "DEFAULT_FROM_EMAIL": sender or f"harbour@{parts.hostname or 'localhost'}",
    }


def is_mail_sent() -> bool:
    """Whether there is a mail server; without one, show a link to whoever may pass it on."""
    return bool(settings.CONFIGURATION.email_url)


def send(to: str, subject: str, body: str) -> None:
    """Send a mail now. Raises OSError, smtplib.SMTPException."""
    EmailMessage(subject, body, to=[to]).send()
