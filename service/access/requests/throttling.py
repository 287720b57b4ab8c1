"""Bounds how often somebody may ask: per token, per person, per address, and for attempts to sign in.

Windows are fixed and counted in PostgreSQL by one statement, so that the count is right whatever the number of workers
and for both lanes of a deployment.
"""

import hashlib
import ipaddress
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import connection
from django.http import HttpRequest
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from typing_extensions import override

from access.models import Token

if TYPE_CHECKING:
    # REST framework imports this module while it loads its views.
    from rest_framework.views import APIView

WINDOW_SECONDS = 60
SIGN_IN_WINDOW_SECONDS = 15 * 60
SIGN_INS_PER_ADDRESS = 60
SIGN_INS_PER_ACCOUNT = 20
IPV6_SITE_BITS = 64
COUNT = """
    INSERT INTO access_requestcount (key, count, expires_at) VALUES (%s, 1, to_timestamp(%s))
    ON CONFLICT (key) DO UPDATE SET count = access_requestcount.count + 1 RETURNING count
"""


@dataclass(frozen=True)
class Allowance:
    """What is left of a limit in the current window of `window` seconds, which ends in `seconds`."""

    limit: int
    window: int
    count: int
    seconds: int

    @property
    def is_used_up(self) -> bool:
        """Return whether this request is one too many."""
        return self.count > self.limit

    def headers(self) -> dict[str, str]:
        """Return the fields RateLimit and RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers)."""
        left = max(self.limit - self.count, 0)
        return {
            "RateLimit-Policy": f'"requests";q={self.limit};w={self.window}',
            "RateLimit": f'"requests";r={left};t={self.seconds}',
        }


def count(subject: str, limit: int, window: int = WINDOW_SECONDS) -> Allowance:
    """Count one request of the subject, and tell what is left."""
    now = time.time()
    number = int(now // window)
    ends_at = (number + 1) * window
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [f"{subject}:{window}:{number}", ends_at])
        counted = cursor.fetchone()[0]
    return Allowance(limit, window, counted, max(1, math.ceil(ends_at - now)))


def address_of(request: HttpRequest | Request) -> str:
    """Return the address that the edge saw; of IPv6 the site, because one client has many addresses there."""
    text = BaseThrottle().get_ident(request)  # type: ignore[arg-type]  # it reads META alone
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return "unknown"
    if address.version == 6:
        return str(ipaddress.ip_network((address, IPV6_SITE_BITS), strict=False).network_address)
    return str(address)


def seconds_until_sign_in(request: HttpRequest, email: str) -> int:
    """Count an attempt to sign in; returns 0 when it may go on, else how many seconds to wait."""
    account = hashlib.sha256(email.strip().lower().encode()).hexdigest()[:32]
    allowances = [
        count(f"sign-in:address:{address_of(request)}", SIGN_INS_PER_ADDRESS, SIGN_IN_WINDOW_SECONDS),
        count(f"sign-in:account:{account}", SIGN_INS_PER_ACCOUNT, SIGN_IN_WINDOW_SECONDS),
    ]
    return max((one.seconds for one in allowances if one.is_used_up), default=0)


def count_stranger(request: Request) -> None:
    """Count a request that could not prove who it is, against its address. Raises Throttled."""
    allowance = _count(request, f"address:{address_of(request)}", settings.CONFIGURATION.rate_anonymous)
    if allowance and allowance.is_used_up:
        raise Throttled(allowance.seconds)


class RequestThrottle(BaseThrottle):
    """Counts each request against its token, its person or its address, in this order."""

    allowance: Allowance | None = None

    @override
    def allow_request(self, request: Request, view: "APIView") -> bool:
        """Return whether the request is within its limit; a limit of 0 counts nothing."""
        self.allowance = _count(request, *_subject(request))
        return self.allowance is None or not self.allowance.is_used_up

    @override
    def wait(self) -> float | None:
        """Return the seconds until the window ends."""
        return self.allowance.seconds if self.allowance else None


def _subject(request: Request) -> tuple[str, int]:
    configuration = settings.CONFIGURATION
    if isinstance(request.auth, Token):
        return f"token:{request.auth.pk}", configuration.rate_token
    if request.user is not None and request.user.is_authenticated:
        return f"user:{request.user.pk}", configuration.rate_user
    return f"address:{address_of(request)}", configuration.rate_anonymous


def _count(request: Request, subject: str, limit: int) -> Allowance | None:
    if not limit:
        return None
    allowance = count(subject, limit)
    request._request.rate_limit = allowance.headers()  # type: ignore[attr-defined]  # api.answers reads it
    return allowance
