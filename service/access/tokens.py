"""Tokens of people and servers: made, shown once, kept as a digest."""

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils import timezone

from access.models import Scope, Token, User
from fleet.models import Server

PREFIX = "harbour_"
SHOWN_CHARACTERS = len(PREFIX) + 4
USE_IS_NOTED_EVERY = timedelta(minutes=1)


class ScopeRefused(Exception):
    """The owner of the token may not have this scope."""


def digest(token: str) -> str:
    """Return what is stored; a plain hash is enough because the token itself has 256 bits of randomness."""
    return hashlib.sha256(token.encode()).hexdigest()


def scopes_for(owner: User | Server) -> set[Scope]:
    """Return what a token of this owner may be used for: a server's only reports, a person's never does."""
    if isinstance(owner, Server):
        return {Scope.REPORT}
    return {Scope.READ, Scope.WRITE, Scope.METRICS} if owner.is_staff else {Scope.READ, Scope.WRITE}


def create_token(
    owner: User | Server, scopes: Iterable[Scope], *, name: str = "", expires_at: datetime | None = None
) -> tuple[Token, str]:
    """Make a token for a person or a server; the text returned is not kept anywhere. Raises ScopeRefused."""
    wanted = sorted({Scope(scope) for scope in scopes})
    if not wanted or not scopes_for(owner).issuperset(wanted):
        raise ScopeRefused
    text = PREFIX + secrets.token_urlsafe(32)
    token = Token.objects.create(
        user=owner if isinstance(owner, User) else None,
        server=owner if isinstance(owner, Server) else None,
        name=name,
        prefix=text[:SHOWN_CHARACTERS],
        digest=digest(text),
        scopes=[str(scope) for scope in wanted],
        expires_at=expires_at,
    )
    return token, text


def create_server_token(server: Server) -> str:
    """Make the token with which a server's agent reports."""
    return create_token(server, [Scope.REPORT])[1]


def find_token(text: str) -> Token | None:
    """Return the token that is known, not revoked, not expired, and of somebody who may still come in."""
    found = Token.objects.select_related("server", "user").filter(
        Q(expires_at=None) | Q(expires_at__gt=timezone.now()),
        Q(user=None) | Q(user__is_active=True),
        digest=digest(text),
        revoked_at=None,
    )
    return found.first()


def note_use(token: Token) -> None:
    """Keep when the token was last used, to the minute: most requests write nothing."""
    now = timezone.now()
    if token.last_used_at is None or now - token.last_used_at >= USE_IS_NOTED_EVERY:
        Token.objects.filter(pk=token.pk).update(last_used_at=now)


def revoke(token: Token) -> None:
    """End the token for good; ending it again changes nothing."""
    if Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
        token.refresh_from_db(fields=["revoked_at"])
