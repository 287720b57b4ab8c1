"""What the API says about each thing."""

from typing import ClassVar

from drf_spectacular.utils import inline_serializer
from rest_framework import serializers

from fleet.models import App, Deployment, DeploymentEvent, Environment, Release, Server


class ReleaseSummary(serializers.ModelSerializer[Release]):
    """A release inside something else."""

    class Meta:
        """Enough to recognise it."""

        model = Release
        fields: ClassVar = ["id", "number", "revision", "image", "digest"]


class EnvironmentSerializer(serializers.ModelSerializer[Environment]):
    """An app in one environment on one server."""

    app = serializers.CharField(source="app.name")
    server = serializers.CharField(source="server.name")
    environment = serializers.CharField(source="name")
    release = ReleaseSummary(allow_null=True)

    class Meta:
        """With the release that serves."""

        model = Environment
        fields: ClassVar = ["app", "environment", "server", "release", "serving_since"]


class AppSerializer(serializers.ModelSerializer[App]):
    """An app and where it serves."""

    environments = EnvironmentSerializer(many=True)

    class Meta:
        """With every environment."""

        model = App
        fields: ClassVar = ["name", "created_at", "environments"]


class ServerSerializer(serializers.ModelSerializer[Server]):
    """A server and what serves there."""

    environments = EnvironmentSerializer(many=True)

    class Meta:
        """With every environment."""

        model = Server
        fields: ClassVar = ["name", "agent", "created_at", "last_reported_at", "environments"]


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    """A release and where it belongs."""

    app = serializers.CharField(source="environment.app.name")
    environment = serializers.CharField(source="environment.name")
    server = serializers.CharField(source="environment.server.name")

    class Meta:
        """All of it."""

        model = Release
        fields: ClassVar = [
            *["id", "app", "environment", "server", "number", "revision", "image", "digest"],
            *["environment_version", "created_at"],
        ]


class StepSerializer(serializers.Serializer[dict[str, object]]):
    """One step of a deployment."""

    step = serializers.CharField()
    state = serializers.ChoiceField(["started", "done", "skipped", "failed"])
    started_at = serializers.DateTimeField()
    seconds = serializers.FloatField(allow_null=True)
    detail = serializers.CharField()


class DeploymentSerializer(serializers.ModelSerializer[Deployment]):
    """One deployment with its steps."""

    app = serializers.CharField(source="environment.app.name")
    environment = serializers.CharField(source="environment.name")
    server = serializers.CharField(source="environment.server.name")
    release = ReleaseSummary(allow_null=True)
    outcome = serializers.SerializerMethodField(help_text="null while it runs")
    steps = StepSerializer(many=True)

    class Meta:
        """All of it."""

        model = Deployment
        fields: ClassVar = [
            *["id", "app", "environment", "server", "kind", "sequence", "release", "previous"],
            *["outcome", "started_at", "finished_at", "seconds", "steps", "error", "stayed"],
        ]

    def get_outcome(self, deployment: Deployment) -> str | None:
        """Return the outcome, None while the deployment runs."""
        return deployment.outcome or None


class DeploymentEventSerializer(serializers.ModelSerializer[DeploymentEvent]):
    """One event as it was reported."""

    server = serializers.CharField(source="server.name")
    app = serializers.CharField(source="environment.app.name", default=None)
    environment = serializers.CharField(source="environment.name", default=None)
    deployment = serializers.UUIDField(source="deployment_id", allow_null=True)

    class Meta:
        """All of it."""

        model = DeploymentEvent
        fields: ClassVar = [
            *["id", "server", "sequence", "at", "received_at", "kind", "app", "environment", "deployment", "data"],
        ]


PROBLEM = inline_serializer(
    "Problem",
    {
        "type": serializers.CharField(),
        "title": serializers.CharField(),
        "status": serializers.IntegerField(),
        "detail": serializers.CharField(),
        "instance": serializers.CharField(),
        "request_id": serializers.CharField(allow_null=True),
        "errors": serializers.ListField(child=serializers.DictField(child=serializers.CharField()), required=False),
    },
)
