"""Filters that the page reads better with."""

from django import template

from fleet.timeline import spoken

register = template.Library()
register.filter("spoken", spoken)


@register.filter
def short(text: str | None) -> str:
    """Return the first characters of a revision or digest, as git shows it."""
    return (text or "").removeprefix("sha256:")[:8]
