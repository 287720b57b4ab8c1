"""Answers polls of pages that are open: with what is new, or 304 after one small query when nothing is."""

import hashlib
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, DecimalField, F, Func, Model, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import get_conditional_response

MOST_KNOWN = 64


@dataclass(frozen=True)
class State:
    """Where the state of what somebody sees stands: what is counted, and when it was reported."""

    counted: str
    reported_at: str


def version(seen: QuerySet[Model], where: State, *more: object) -> str:
    """Name the state of what somebody sees: it changes with each report of a server, and with what he may see.

    The sum of the times, not the latest: of two reports at the same time, the later may be stored first.
    """
    moment = Func(F(where.reported_at), template="EXTRACT(EPOCH FROM %(expressions)s)", output_field=DecimalField())
    state = seen.order_by().aggregate(rows=Count(where.counted), which=Sum(where.counted), told=Sum(moment))
    return tag(*state.values(), *more)


def tag(*parts: object) -> str:
    """Return an entity tag for what these parts and this release of Harbour make."""
    told = repr((settings.CONFIGURATION.release, settings.CONFIGURATION.revision, *parts))
    return f'W/"{hashlib.blake2b(told.encode(), digest_size=9).hexdigest()}"'


def not_modified(request: HttpRequest, etag: str) -> HttpResponse | None:
    """Return 304 when the page has this version already."""
    response = get_conditional_response(request, etag=etag)
    return None if response is None else HttpResponse(status=304, headers={"ETag": etag})


def fragment(request: HttpRequest, template: str, context: dict[str, Any], etag: str) -> HttpResponse:
    """Write a part of a page, with its version."""
    response = render(request, template, context)
    response.headers["ETag"] = etag
    return response


def known(request: HttpRequest) -> set[str]:
    """Return the versions of entries that the page has and that need not be sent again."""
    return set(request.GET.get("known", "").split(",", MOST_KNOWN)[:MOST_KNOWN])
