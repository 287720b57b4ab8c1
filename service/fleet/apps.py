"""Registers the app with Django."""

from django.apps import AppConfig


class FleetConfig(AppConfig):
    """The fleet's log book."""

    name = "fleet"
    verbose_name = "Fleet"
