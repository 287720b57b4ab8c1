"""Server tokens: made, shown once, kept as a digest."""

import hashlib
import secrets

from fleet.models import Server, ServerToken

PREFIX = "harbour_"


def digest(token: str) -> str:
    """Return what is stored; a plain hash is enough because the token itself has 256 bits of randomness."""
    return hashlib.sha256(token.encode()).hexdigest()


def create_token(server: Server) -> str:
    """Make a token for the server; the text returned is not kept anywhere."""
    token = PREFIX + secrets.token_urlsafe(32)
    ServerToken.objects.create(server=server, digest=digest(token))
    return token


def find_token(token: str) -> ServerToken | None:
    """Return the token that is neither unknown nor revoked, with its server."""
    found = ServerToken.objects.select_related("server").filter(digest=digest(token), revoked_at=None)
    return found.first()
