"""Which rows of a list a request asks for; each filter has an index, and a value that can't be is refused."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

from django import forms
from django.db.models import Q, QuerySet
from django_filters import rest_framework as filters
from django_filters.fields import IsoDateTimeField
from typing_extensions import override

from fleet.models import App, Deployment, DeploymentEvent, Environment, Notice, Outcome, Release, Server, Severity

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
RUNNING = "running"


class TimeField(IsoDateTimeField):
    """A time that the database can hold in any zone."""

    @override
    def clean(self, value: Any) -> datetime | None:
        """Return the time. Raises ValidationError outside of the years 2000 to 2200."""
        try:
            time: datetime | None = super().clean(value)
            is_ours = time is None or EARLIEST <= time <= LATEST
        except (OverflowError, ValueError):
            is_ours = False
        if not is_ours:
            raise forms.ValidationError("must lie between the years 2000 and 2200")
        return time


class TimeFilter(filters.IsoDateTimeFilter):
    """Filters by a time with its zone."""

    field_class = TimeField


class OrderFilter(filters.OrderingFilter):
    """Orders by what was chosen and last by id, so that no page depends on chance; nothing chosen changes nothing."""

    @override
    def filter(self, qs: QuerySet[Any], value: Sequence[str] | None) -> QuerySet[Any]:
        """Return the rows in order; `ordering=,` chooses nothing."""
        chosen = [self.get_ordering_value(name) for name in value or () if name]
        return qs.order_by(*chosen, "pk") if chosen else qs


def _name(field: str | None = None, label: str = "") -> filters.CharFilter:
    return filters.CharFilter(field, label=label, max_length=63)


def _sorted_by(*fields: str) -> OrderFilter:
    return OrderFilter(fields=[(field, field) for field in fields])


def _cursor_order(field: str) -> filters.ChoiceFilter:
    """The pages are cut in this order; the pagination applies it."""
    return filters.ChoiceFilter(choices=[(field, "oldest first"), (f"-{field}", "newest first")], method="keep")


class AppFilters(filters.FilterSet):
    """Filters of apps."""

    search = filters.CharFilter(method="find", label="part of the name or the description", max_length=100)
    ordering = _sorted_by("name", "created_at")

    class Meta:
        """Of apps."""

        model = App
        fields: ClassVar[list[str]] = []

    def find(self, queryset: QuerySet[App], name: str, value: str) -> QuerySet[App]:  # noqa: ARG002
        """Return the apps whose name or description has the text."""
        return queryset.filter(Q(name__icontains=value) | Q(description__icontains=value))


class ServerFilters(filters.FilterSet):
    """Filters of servers."""

    search = filters.CharFilter("name", "icontains", label="part of the name", max_length=100)
    ordering = _sorted_by("name", "created_at", "last_reported_at")

    class Meta:
        """Of servers."""

        model = Server
        fields: ClassVar[list[str]] = []


class EnvironmentFilters(filters.FilterSet):
    """Filters of environments."""

    app = _name("app__name", "name of the app")
    server = _name("server__name", "name of the server")
    environment = _name("name", "name of the environment")
    search = filters.CharFilter("name", "icontains", label="part of the name", max_length=100)
    ordering = _sorted_by("name", "serving_since")

    class Meta:
        """Of environments."""

        model = Environment
        fields: ClassVar[list[str]] = []


class NoticeFilters(filters.FilterSet):
    """Filters of notices."""

    server = _name("server__name", "name of the server")
    app = _name("environment__app__name", "name of the app")
    environment = _name("environment__name", "name of the environment")
    code = filters.CharFilter(label="for example certificate-expires", max_length=100)
    subject = filters.CharFilter(label="the app or the part of the server", max_length=200)
    severity = filters.ChoiceFilter(choices=Severity.choices)
    state = filters.ChoiceFilter(choices=[("open", "Open"), ("ended", "Ended")], method="by_state")
    ordering = _sorted_by("since", "told_at", "ended_at")

    class Meta:
        """Of notices."""

        model = Notice
        fields: ClassVar[list[str]] = []

    def by_state(self, queryset: QuerySet[Notice], name: str, value: str) -> QuerySet[Notice]:  # noqa: ARG002
        """Return those that are open, or those that have ended."""
        return queryset.filter(ended_at__isnull=value == "open")


class PlaceFilters(filters.FilterSet):
    """Filters by app, environment and server of what belongs to an environment."""

    places: ClassVar = {"app": "app__name", "environment": "name", "server": "server__name"}
    app = _name(label="name of the app")
    environment = _name(label="name of the environment")
    server = _name(label="name of the server")

    @override
    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Look the places up first: with an id at hand, PostgreSQL walks the index that has the order too."""
        values = self.form.cleaned_data
        asked = {name: values.pop(name) for name in self.places}
        place = {self.places[name]: value for name, value in asked.items() if value}
        if place:
            queryset = _among(queryset, "environment", Environment.objects.filter(**place))
        return super().filter_queryset(queryset)

    def keep(self, queryset: QuerySet[Any], name: str, value: str) -> QuerySet[Any]:  # noqa: ARG002
        """Change nothing: the pagination reads this parameter."""
        return queryset


def _among(queryset: QuerySet[Any], field: str, named: QuerySet[Any]) -> QuerySet[Any]:
    ids = list(named.values_list("pk", flat=True))
    return queryset.filter(**({field: ids[0]} if len(ids) == 1 else {f"{field}__in": ids}))


class ReleaseFilters(PlaceFilters):
    """Filters of releases."""

    revision = filters.CharFilter(label="the whole revision", max_length=100)
    digest = filters.CharFilter(label="the image's digest", max_length=128)
    search = filters.CharFilter("revision", "startswith", label="beginning of the revision", max_length=100)
    ordering = _cursor_order("id")

    class Meta:
        """Of releases."""

        model = Release
        fields: ClassVar[list[str]] = []


class DeploymentFilters(PlaceFilters):
    """Filters of deployments."""

    outcome = filters.ChoiceFilter(choices=[*Outcome.choices, (RUNNING, "Running")], method="by_outcome")
    kind = filters.ChoiceFilter(choices=[("deploy", "Deploy"), ("rollback", "Rollback")])
    revision = filters.CharFilter("release__revision", label="the release's whole revision", max_length=100)
    started_after = TimeFilter("started_at", "gte", label="started at this time or later")
    started_before = TimeFilter("started_at", "lt", label="started before this time")
    ordering = _cursor_order("started_at")

    class Meta:
        """Of deployments."""

        model = Deployment
        fields: ClassVar[list[str]] = []

    def by_outcome(self, queryset: QuerySet[Deployment], name: str, value: str) -> QuerySet[Deployment]:  # noqa: ARG002
        """Return the deployments that ended so; one that runs has no outcome yet."""
        return queryset.filter(outcome="" if value == RUNNING else value)


class EventFilters(PlaceFilters):
    """Filters of events; the server is the one that reported, also about itself."""

    places: ClassVar = {"app": "app__name", "environment": "name"}
    server = filters.CharFilter(method="by_server", label="name of the server", max_length=63)
    deployment = filters.UUIDFilter("deployment", label="id of the deployment")
    kind = filters.CharFilter(label="for example deployment.started", max_length=64)
    at_after = TimeFilter("at", "gte", label="happened at this time or later")
    at_before = TimeFilter("at", "lt", label="happened before this time")
    ordering = _cursor_order("id")

    class Meta:
        """Of events."""

        model = DeploymentEvent
        fields: ClassVar[list[str]] = []

    def by_server(  # the filter's name is what django-filter passes
        self, queryset: QuerySet[DeploymentEvent], name: str, value: str  # noqa: ARG002
    ) -> QuerySet[DeploymentEvent]:
        """Return what this server reported."""
        return _among(queryset, "server", Server.objects.filter(name=value))
