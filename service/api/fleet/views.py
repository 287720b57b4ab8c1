"""The fleet over the API: what was reported is read, and the little that people add is written."""

from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from typing_extensions import override

from access import visibility
from access.models import User
from access.requests.permissions import OwnerWrites, StaffWrites
from api.fleet import filters, representations, serializers
from api.pagination import CursorPages, DeploymentPages, EventPages, Pages
from api.resources import ReadResource
from fleet.models import SLUG, App, Deployment, DeploymentEvent, Environment, Notice, Release, Server

Names = list[str]  # where `list` is a method


def _parameter(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, description=description)


FIELDS = _parameter("fields", "names of the fields to answer, with commas between")
EXPAND = _parameter("expand", "names of fields to answer besides the usual ones, with commas between")


class AppViews(ReadResource):
    """Apps and where each serves."""

    queryset = App.objects.none()
    serializer_class = serializers.AppSerializer
    permission_classes = (OwnerWrites,)
    filterset_class = filters.AppFilters
    pagination_class = Pages
    lookup_field = "name"
    lookup_value_regex = SLUG

    @override
    def get_queryset(self) -> QuerySet[App]:
        """Return the apps that the request may see."""
        user = self.request.user
        return visibility.visible_apps(user).prefetch_related(visibility.visible_places(user))

    @extend_schema(request=serializers.AppChangeSerializer, responses=serializers.AppSerializer)
    def partial_update(self, request: Request, **_: str) -> Response:
        """Change the description or the address of the repository; for owners."""
        app = self.get_object()
        change = serializers.AppChangeSerializer(app, request.data, partial=True)
        change.is_valid(raise_exception=True)
        change.save()
        return Response(self.get_serializer(app).data)


class ServerViews(ReadResource):
    """Servers and what serves on each."""

    queryset = Server.objects.none()
    serializer_class = serializers.ServerSerializer
    permission_classes = (StaffWrites,)
    filterset_class = filters.ServerFilters
    pagination_class = Pages
    lookup_field = "name"
    lookup_value_regex = SLUG

    @override
    def get_queryset(self) -> QuerySet[Server]:
        """Return the servers that the request may see, with the environments that it may see."""
        user = self.request.user
        return visibility.visible_servers(user).prefetch_related(visibility.visible_places(user))

    @extend_schema(request=serializers.ServerCreationSerializer, responses={201: serializers.ServerSerializer})
    def create(self, request: Request) -> Response:
        """Add a server; for staff."""
        creation = serializers.ServerCreationSerializer(data=request.data)
        creation.is_valid(raise_exception=True)
        return Response(self.get_serializer(creation.save()).data, 201)


class EnvironmentViews(ReadResource):
    """Apps in their environments, with the release that serves."""

    queryset = Environment.objects.none()
    serializer_class = serializers.EnvironmentSerializer
    filterset_class = filters.EnvironmentFilters
    pagination_class = Pages
    lookup_value_converter = "int"

    @override
    def get_queryset(self) -> QuerySet[Environment]:
        """Return the environments that the request may see."""
        return visibility.visible_environments(self.request.user).select_related("app", "server", "release")


class NoticeViews(ReadResource):
    """Notices, the newest first, also those that have ended."""

    queryset = Notice.objects.none()
    serializer_class = serializers.NoticeSerializer
    filterset_class = filters.NoticeFilters
    pagination_class = Pages
    lookup_value_converter = "int"

    @override
    def get_queryset(self) -> QuerySet[Notice]:
        """Return the notices that the request may see."""
        return visibility.visible_notices(self.request.user).select_related("server", "environment__app")


class RowViews(ReadResource):
    """A list that grows, read as rows."""

    representation: representations.Representation
    item_serializer_class: Any = None

    @override
    def get_serializer_class(self) -> Any:
        """Return what describes the answer: an item's fields may be missing."""
        return self.item_serializer_class if self.action == "list" else self.serializer_class

    @override
    def known_parameters(self) -> set[str]:
        """Return the filters, the paging and the choice of fields of the list."""
        chosen = {"fields"} | ({"expand"} if self.representation.expandable else set())
        return super().known_parameters() | (chosen if self.action == "list" else set())

    @extend_schema(parameters=[FIELDS])
    @override
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer one page."""
        names = self.representation.chosen(request)
        found = self.representation.values(self.filter_queryset(self.get_queryset()), names)
        page = self.paginate_queryset(found)
        return self.get_paginated_response(self.shaped(list(page or []), names))

    @override
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer one with all its fields."""
        names = list(self.representation.fields)
        found = self.representation.values(self.get_queryset().filter(pk=kwargs["pk"]), names).first()
        if found is None:
            raise Http404
        return Response(self.shaped([found], names)[0])

    def shaped(self, found: representations.Rows, names: Names) -> representations.Rows:
        """Return the rows as they are answered."""
        return self.representation.shape(found, names)


class ReleaseViews(RowViews):
    """Releases, newest first."""

    queryset = Release.objects.none()
    representation = representations.RELEASES
    serializer_class = serializers.ReleaseSerializer
    item_serializer_class = serializers.ReleaseItemSerializer
    filterset_class = filters.ReleaseFilters
    pagination_class = CursorPages
    lookup_value_converter = "int"

    @override
    def get_queryset(self) -> QuerySet[Release]:
        """Return the releases that the request may see."""
        return visibility.visible_releases(self.request.user)


class DeploymentViews(RowViews):
    """Deployments, newest first."""

    queryset = Deployment.objects.none()
    representation = representations.DEPLOYMENTS
    serializer_class = serializers.DeploymentSerializer
    item_serializer_class = serializers.DeploymentItemSerializer
    filterset_class = filters.DeploymentFilters
    pagination_class = DeploymentPages
    lookup_value_converter = "uuid"

    @override
    def get_queryset(self) -> QuerySet[Deployment]:
        """Return the deployments that the request may see."""
        return visibility.visible_deployments(self.request.user)

    @extend_schema(parameters=[FIELDS, EXPAND])
    @override
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Answer one page."""
        return super().list(request, *args, **kwargs)

    @override
    def shaped(self, found: representations.Rows, names: Names) -> representations.Rows:
        """Say null for the outcome of what runs, and tell people's names to people alone."""
        answers = super().shaped(found, names)
        is_public = isinstance(self.request.user, AnonymousUser)
        for answer in answers:
            if "outcome" in answer:
                answer["outcome"] = answer["outcome"] or None
            if is_public and "noted_by" in answer:
                answer["noted_by"] = None
        return answers

    @extend_schema(request=serializers.NoteSerializer, responses=serializers.DeploymentSerializer)
    def partial_update(self, request: Request, **kwargs: Any) -> Response:
        """Write the note, or empty it; for members and owners of the app."""
        deployment = self.get_queryset().select_related("environment__app").filter(pk=kwargs["pk"]).first()
        if deployment is None:
            raise Http404
        if not isinstance(request.user, User) or not visibility.may_write(request.user, deployment.environment.app):
            raise PermissionDenied("This is for the app's members and owners")
        change = serializers.NoteSerializer(deployment, request.data, partial=True)
        change.is_valid(raise_exception=True)
        note = change.validated_data.get("note", deployment.note)
        if note != deployment.note:
            deployment.note, deployment.noted_by, deployment.noted_at = note, request.user, timezone.now()
            deployment.save(update_fields=["note", "noted_by", "noted_at"])
        return self.retrieve(request, **kwargs)


class EventViews(RowViews):
    """Events as they were reported, newest first."""

    queryset = DeploymentEvent.objects.none()
    representation = representations.EVENTS
    serializer_class = serializers.StoredEventSerializer
    item_serializer_class = serializers.StoredEventItemSerializer
    filterset_class = filters.EventFilters
    pagination_class = EventPages
    lookup_value_converter = "int"

    @override
    def get_queryset(self) -> QuerySet[DeploymentEvent]:
        """Return the events that the request may see."""
        return visibility.visible_events(self.request.user)
