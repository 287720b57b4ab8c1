"""Reads the templates before the first request."""

from pathlib import Path

from django.apps import apps
from django.template import engines

OURS = frozenset({"access", "api", "pages"})


def load_templates() -> None:
    """Have every template of ours, and those that they extend, in the loader's cache."""
    for app in apps.get_app_configs():
        folder = Path(app.path, "templates")
        for path in sorted(folder.rglob("*.html")) if app.label in OURS else []:
            engines["django"].get_template(str(path.relative_to(folder)))
