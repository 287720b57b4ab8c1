"""Filters that the page reads better with."""

from datetime import datetime

from django import template
from django.utils import timezone

from fleet.timeline import ago, spoken

register = template.Library()
register.filter("spoken", spoken)


@register.filter
def short(text: str | None) -> str:
    """Return the first characters of a revision or digest, as git shows it."""
    return (text or "").removeprefix("sha256:")[:8]


@register.filter
def since(moment: datetime) -> str:
    """Return how long ago a moment was."""
    return ago((timezone.now() - moment).total_seconds())
