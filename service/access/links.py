"""Links with which somebody sets a new password: made from what is stored, good once, and stored nowhere."""

from urllib.parse import urlencode

from django.contrib.auth.tokens import default_token_generator
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_decode, urlsafe_base64_encode

from access.models import User


def password_link(user: User, origin: str) -> str:
    """Return the address that lets him set a password; `origin` is scheme and host."""
    number = urlsafe_base64_encode(force_bytes(user.pk))
    return link(origin, "new-password", f"{number}.{default_token_generator.make_token(user)}")


def user_of(text: str) -> User | None:
    """Return whose link this is while it is good: it ends with its use, with a sign-in, and by time."""
    number, _, token = text.partition(".")
    try:
        key = int(urlsafe_base64_decode(number))
    except ValueError:
        return None
    user = User.objects.filter(pk=key, is_active=True).first() if key < 2**63 else None
    return user if user is not None and default_token_generator.check_token(user, token) else None


def invitation_link(text: str, origin: str) -> str:
    """Return the address at which an invitation is accepted."""
    return link(origin, "invitation", text)


def link(origin: str, page: str, text: str) -> str:
    """Write a secret as a query: paths stand in logs, queries do not."""
    return f"{origin}{reverse(page)}?{urlencode({'link': text})}"
