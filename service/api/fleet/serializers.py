"""What the API says about each thing.

Lists that grow are read as rows (see `representations`); their serializers here describe the form and are not run.
"""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers
from typing_extensions import override

from api.fleet import examples
from api.resources import ChangeSerializer
from fleet.models import App, Deployment, Environment, Notice, Outcome, Release, Server

Json = dict[str, Any]


class ReleaseSummary(serializers.ModelSerializer[Release]):
    """A release inside something else."""

    class Meta:
        """Enough to recognise it."""

        model = Release
        fields: ClassVar = ["id", "number", "revision", "image", "digest"]
        read_only_fields = fields


@extend_schema_serializer(examples=[examples.ENVIRONMENT])
class EnvironmentSerializer(serializers.ModelSerializer[Environment]):
    """An app in one environment on one server, with the release that serves."""

    app = serializers.CharField(source="app.name", read_only=True)
    server = serializers.CharField(source="server.name", read_only=True)
    environment = serializers.CharField(source="name", read_only=True)
    release = ReleaseSummary(allow_null=True, read_only=True)

    class Meta:
        """All of it."""

        model = Environment
        fields: ClassVar = ["id", "app", "environment", "server", "release", "serving_since"]
        read_only_fields = fields


@extend_schema_serializer(examples=[examples.APP])
class AppSerializer(serializers.ModelSerializer[App]):
    """An app and where it serves."""

    # Not a URI for the description: it is empty where nobody has told it.
    repository = serializers.CharField(read_only=True, help_text="where its commits can be read, or empty")
    environments = EnvironmentSerializer(many=True, read_only=True)

    class Meta:
        """With every environment that whoever asks may see."""

        model = App
        fields: ClassVar = ["name", "description", "repository", "created_at", "environments"]
        read_only_fields = fields


@extend_schema_serializer(examples=[examples.APP_CHANGE])
class AppChangeSerializer(ChangeSerializer):
    """What an owner may change of an app."""

    repository = serializers.URLField(max_length=300, allow_blank=True, help_text="where its commits can be read")

    class Meta:
        """What people say about it; its name is the agents' business."""

        model = App
        fields: ClassVar = ["description", "repository"]

    def validate_repository(self, address: str) -> str:
        """Refuse what a page could not link to: anything but http."""
        if address and not address.startswith(("https://", "http://")):
            raise serializers.ValidationError("must begin with https:// or http://")
        return address


@extend_schema_serializer(examples=[examples.SERVER])
class ServerSerializer(serializers.ModelSerializer[Server]):
    """A server, what it reported last, and what serves there."""

    environments = EnvironmentSerializer(many=True, read_only=True)
    gaps = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField(), min_length=2, max_length=2),
        read_only=True,
        help_text="[first, last] of sequence numbers that never came",
    )

    class Meta:
        """With every environment that whoever asks may see."""

        model = Server
        fields: ClassVar = [
            *["name", "agent", "created_at", "last_reported_at", "last_sequence", "gaps", "environments"],
        ]
        read_only_fields = fields


@extend_schema_serializer(examples=[examples.SERVER_CREATION])
class ServerCreationSerializer(ChangeSerializer):
    """A new server."""

    name = serializers.RegexField(
        r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}\Z", trim_whitespace=False, help_text="as its agent is set up with"
    )

    class Meta:
        """Its name; all else is reported."""

        model = Server
        fields: ClassVar = ["name"]

    def validate_name(self, name: str) -> str:
        """Refuse a name that is taken."""
        if Server.objects.filter(name=name).exists():
            raise serializers.ValidationError("There is a server of this name")
        return name


@extend_schema_serializer(examples=[examples.NOTICE])
class NoticeSerializer(serializers.ModelSerializer[Notice]):
    """What a person should know about a server or an app on it."""

    server = serializers.CharField(source="server.name", read_only=True)
    app = serializers.CharField(
        source="environment.app.name",
        default=None,
        read_only=True,
        allow_null=True,
        help_text="null when it is about the server",
    )
    environment = serializers.CharField(source="environment.name", default=None, read_only=True, allow_null=True)
    ended_at = serializers.DateTimeField(read_only=True, allow_null=True, help_text="null while it is open")

    class Meta:
        """All of it."""

        model = Notice
        fields: ClassVar = [
            *["id", "server", "app", "environment", "code", "subject", "severity", "message", "next"],
            *["since", "told_at", "ended_at"],
        ]
        read_only_fields = fields


class PlacedSerializer(serializers.Serializer[Json]):
    """Where something belongs."""

    app = serializers.CharField()
    environment = serializers.CharField()
    server = serializers.CharField()


@extend_schema_serializer(examples=[examples.RELEASE])
class ReleaseSerializer(PlacedSerializer):
    """A release and where it belongs."""

    id = serializers.IntegerField()
    number = serializers.IntegerField()
    revision = serializers.CharField()
    image = serializers.CharField()
    digest = serializers.CharField()
    environment_version = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()


class StepSerializer(serializers.Serializer[Json]):
    """One step of a deployment."""

    step = serializers.CharField()
    state = serializers.ChoiceField(["started", "done", "skipped", "failed"])
    started_at = serializers.DateTimeField()
    seconds = serializers.FloatField(allow_null=True)
    detail = serializers.CharField()


class CommitSerializer(serializers.Serializer[Json]):
    """One commit that a deployment brought."""

    revision = serializers.CharField()
    subject = serializers.CharField()
    author = serializers.CharField()
    at = serializers.DateTimeField()


class PersonSerializer(serializers.Serializer[Json]):
    """A person."""

    email = serializers.EmailField()
    name = serializers.CharField()


@extend_schema_serializer(examples=[examples.DEPLOYMENT])
class DeploymentSerializer(PlacedSerializer):
    """One deployment with all that is known of it."""

    id = serializers.UUIDField()
    kind = serializers.CharField()
    sequence = serializers.IntegerField(allow_null=True, help_text="the pipeline's run number")
    release = ReleaseSummary(allow_null=True)
    previous = serializers.IntegerField(allow_null=True, help_text="number of the release that served before")
    outcome = serializers.ChoiceField(Outcome.choices, allow_null=True, help_text="null while it runs")
    started_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    seconds = serializers.FloatField(allow_null=True)
    downtime = serializers.FloatField(
        allow_null=True, help_text="seconds in which the app did not answer because of it; null when there were none"
    )
    steps = StepSerializer(many=True)
    error = serializers.DictField(allow_null=True, help_text="code, message, exit_code, log, http_status, http_body")
    stayed = serializers.ListField(child=serializers.CharField(), help_text="migrations that a failure left applied")
    commits = CommitSerializer(many=True, help_text="what it brought since the previous release, newest first")
    commits_complete = serializers.BooleanField(help_text="whether these are known to be all that it brought")
    note = serializers.CharField(help_text="what people say about it")
    noted_at = serializers.DateTimeField(allow_null=True)
    noted_by = PersonSerializer(allow_null=True, help_text="null also for those who may not see people")


@extend_schema_serializer(examples=[examples.NOTE])
class NoteSerializer(ChangeSerializer):
    """What a member says about a deployment."""

    note = serializers.CharField(max_length=2000, allow_blank=True)

    class Meta:
        """The note alone."""

        model = Deployment
        fields: ClassVar = ["note"]


@extend_schema_serializer(examples=[examples.EVENT])
class StoredEventSerializer(serializers.Serializer[Json]):
    """One event as it was reported."""

    id = serializers.IntegerField()
    server = serializers.CharField()
    sequence = serializers.IntegerField()
    at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()
    kind = serializers.CharField()
    app = serializers.CharField(allow_null=True)
    environment = serializers.CharField(allow_null=True)
    deployment = serializers.UUIDField(allow_null=True)
    data = serializers.DictField()  # type: ignore[assignment]  # a field, as the metaclass sees it


class Item(serializers.Serializer[Json]):
    """Mixin of what stands in a list whose fields the request chooses: any may be missing."""

    @override
    def get_fields(self) -> dict[str, "serializers.Field[Any, Any, Any, Any]"]:
        """Return the fields, none of them required."""
        fields = super().get_fields()
        for field in fields.values():
            field.required = False
        return fields


@extend_schema_serializer(examples=[examples.RELEASE])
class ReleaseItemSerializer(Item, ReleaseSerializer):
    """A release in a list: the fields that were chosen."""


@extend_schema_serializer(examples=[examples.DEPLOYMENT_ITEM])
class DeploymentItemSerializer(Item, DeploymentSerializer):
    """A deployment in a list: without what is large, unless `expand` or `fields` name it."""


@extend_schema_serializer(examples=[examples.EVENT])
class StoredEventItemSerializer(Item, StoredEventSerializer):
    """An event in a list: the fields that were chosen."""
