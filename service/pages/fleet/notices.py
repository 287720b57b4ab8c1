"""The notices that are open: what a person should know now, the worst first."""

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.db.models import Case, Prefetch, QuerySet, Value, When

from access.visibility import visible_notices
from fleet.models import Notice, Severity

WORST_FIRST = (Severity.CRITICAL, Severity.WARNING, Severity.INFO)


def open_notices(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Notice]:
    """Return the open notices that somebody may see."""
    ranks = [When(severity=severity, then=Value(rank)) for rank, severity in enumerate(WORST_FIRST)]
    notices = visible_notices(user).filter(ended_at=None).select_related("server")
    return notices.order_by(Case(*ranks, default=Value(len(ranks))), "-since", "-pk")


def notices_of_servers(user: AbstractBaseUser | AnonymousUser) -> "Prefetch[str]":
    """Return what `prefetch_related` needs to give each server its `open_notices`."""
    return Prefetch("notices", open_notices(user), to_attr="open_notices")
