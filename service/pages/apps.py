"""Registers the app with Django: it has templates, their tags and static files, and no table."""

from django.apps import AppConfig


class PagesConfig(AppConfig):
    """The pages."""

    name = "pages"
    verbose_name = "Pages"
