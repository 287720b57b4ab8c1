"""Reading the fleet over the API."""

from django.db.models import Prefetch
from rest_framework import viewsets

from fleet.models import App, Deployment, DeploymentEvent, Environment, Release, Server
from fleet.pagination import EventPages, Pages
from fleet.serializers import (
    AppSerializer,
    DeploymentEventSerializer,
    DeploymentSerializer,
    EnvironmentSerializer,
    ReleaseSerializer,
    ServerSerializer,
)

PLACES = Environment.objects.select_related("app", "server", "release")
SLUG = "[A-Za-z0-9._-]{1,63}"


class AppViews(viewsets.ReadOnlyModelViewSet[App]):
    """Apps and where each serves."""

    queryset = App.objects.prefetch_related(Prefetch("environments", PLACES))
    serializer_class = AppSerializer
    pagination_class = Pages
    lookup_field = "name"
    lookup_value_regex = SLUG


class ServerViews(viewsets.ReadOnlyModelViewSet[Server]):
    """Servers and what serves on each."""

    queryset = Server.objects.prefetch_related(Prefetch("environments", PLACES))
    serializer_class = ServerSerializer
    pagination_class = Pages
    lookup_field = "name"
    lookup_value_regex = SLUG


class EnvironmentViews(viewsets.ReadOnlyModelViewSet[Environment]):
    """Apps in their environments, with the release that serves."""

    queryset = PLACES
    serializer_class = EnvironmentSerializer
    pagination_class = Pages
    lookup_value_converter = "int"


class ReleaseViews(viewsets.ReadOnlyModelViewSet[Release]):
    """Releases, newest first."""

    queryset = Release.objects.select_related("environment__app", "environment__server")
    serializer_class = ReleaseSerializer
    pagination_class = Pages
    lookup_value_converter = "int"


class DeploymentViews(viewsets.ReadOnlyModelViewSet[Deployment]):
    """Deployments with their steps, newest first."""

    queryset = Deployment.objects.select_related("environment__app", "environment__server", "release")
    serializer_class = DeploymentSerializer
    pagination_class = Pages
    lookup_value_converter = "uuid"


class EventViews(viewsets.ReadOnlyModelViewSet[DeploymentEvent]):
    """Events as they were reported, newest first."""

    queryset = DeploymentEvent.objects.select_related("server", "environment__app")
    serializer_class = DeploymentEventSerializer
    pagination_class = EventPages
    lookup_value_converter = "int"
