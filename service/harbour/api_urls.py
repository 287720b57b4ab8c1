"""Every address of the API; version 1 is a namespace, and what stands in none of them is a 404 problem."""

from datetime import UTC, datetime

from django.urls import URLPattern, URLResolver, include, path

from api.deprecation import deprecated
from api.description.views import DocumentationView, OldSchemaView, SchemaView

VERSION_1: list[URLPattern | URLResolver] = [
    path("schema/", SchemaView.as_view(), name="schema"),
    path("", include("api.people.urls")),
    path("", include("api.fleet.urls")),
]
OLD_SCHEMA = deprecated(
    OldSchemaView.as_view(),
    since=datetime(2026, 12, 1, tzinfo=UTC),
    sunset=datetime(2027, 12, 1, tzinfo=UTC),
    successor="/api/v1/schema/",
)

urlpatterns = [
    path("v1/", include((VERSION_1, "v1"))),
    path("schema/", OLD_SCHEMA, name="schema"),
    path("docs/", DocumentationView.as_view(), name="docs"),
]
