"""Filters and tags that the pages read better with."""

from datetime import datetime

from django import template
from django.conf import settings
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ground.configuration import Configuration
from pages.fleet.timeline import ago, spoken

register = template.Library()
register.filter("spoken", spoken)


@register.filter
def short(text: str | None) -> str:
    """Return the first characters of a revision or digest, as git shows it."""
    return (text or "").removeprefix("sha256:")[:8]


@register.filter
def with_code(text: str) -> SafeString | str:
    """Return a text in which what stands between backticks is code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return text
    tags = ("{}", "<code>{}</code>")
    return format_html_join("", "{}", ((format_html(tags[number % 2], part),) for number, part in enumerate(parts)))


@register.simple_tag
def age(moment: datetime | None) -> str:
    """Return how long ago a moment was, as an element that goes on counting where there is a script."""
    if moment is None:
        return "never"
    text = ago((timezone.now() - moment).total_seconds())
    full = moment.strftime("%Y-%m-%d %H:%M:%S UTC")
    return format_html('<time datetime="{}" title="{}" data-age>{}</time>', moment.isoformat(), full, text)


@register.simple_tag
def this_release() -> Configuration:
    """Return what the environment says about this release of Harbour."""
    configuration: Configuration = settings.CONFIGURATION
    return configuration
