"""Registers the app with Django: it has a template and a style sheet, and no table."""

from django.apps import AppConfig


class ApiConfig(AppConfig):
    """The API."""

    name = "api"
    verbose_name = "API"
