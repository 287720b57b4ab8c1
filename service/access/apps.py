"""Registers the app with Django."""

from django.apps import AppConfig


class AccessConfig(AppConfig):
    """People and what they may do."""

    name = "access"
    verbose_name = "Access"
