"""What Harbour knows about the fleet; all of it was reported by agents, nothing is decided here."""

from typing import ClassVar

from django.db import models


class App(models.Model):
    """What is shipped."""

    name = models.CharField(max_length=63, unique=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Apps go by name."""

        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class Server(models.Model):
    """A host whose agent reports here."""

    name = models.CharField(max_length=63, unique=True)
    agent = models.CharField(max_length=64, blank=True, help_text="version of the agent in its last report")
    created_at = models.DateTimeField(auto_now_add=True)
    last_reported_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Servers go by name."""

        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        """Return the name."""
        return self.name


class ServerToken(models.Model):
    """What a server proves itself with; only the digest is kept."""

    server = models.ForeignKey(Server, models.CASCADE, related_name="tokens")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        """Name the server, never the token."""
        return f"token of {self.server_id}"


class Environment(models.Model):
    """An app in one environment on one server, and the release that serves there."""

    app = models.ForeignKey(App, models.CASCADE, related_name="environments")
    server = models.ForeignKey(Server, models.CASCADE, related_name="environments")
    name = models.CharField(max_length=63)
    release = models.ForeignKey("Release", models.SET_NULL, null=True, blank=True, related_name="+")
    serving_since = models.DateTimeField(null=True, blank=True)

    class Meta:
        """An app runs at most once per environment and server."""

        ordering: ClassVar = ["app__name", "name", "server__name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["app", "server", "name"], name="environment_once_per_app_and_server"),
        ]

    def __str__(self) -> str:
        """Return app.environment."""
        return f"{self.app_id}.{self.name}"


class Release(models.Model):
    """An image with its configuration, numbered per app and environment by the server."""

    environment = models.ForeignKey(Environment, models.CASCADE, related_name="releases")
    number = models.PositiveIntegerField()
    revision = models.CharField(max_length=100, blank=True)
    image = models.CharField(max_length=512, blank=True)
    digest = models.CharField(max_length=128, blank=True)
    environment_version = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField()

    class Meta:
        """Newest first."""

        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["environment", "number"], name="release_number_once_per_environment"),
        ]

    def __str__(self) -> str:
        """Return the number as people say it."""
        return f"release {self.number}"


class Outcome(models.TextChoices):
    """How a deployment ended; empty while it runs."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    UNCHANGED = "unchanged"
    INTERRUPTED = "interrupted"


class Deployment(models.Model):
    """One run of the transaction: its events folded into what people ask for."""

    id = models.UUIDField(primary_key=True)
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="deployments")
    release = models.ForeignKey(Release, models.SET_NULL, null=True, blank=True, related_name="deployments")
    kind = models.CharField(max_length=16, default="deploy")
    sequence = models.BigIntegerField(null=True, blank=True, help_text="the pipeline's run number")
    previous = models.PositiveIntegerField(null=True, blank=True, help_text="number of the release that served before")
    outcome = models.CharField(max_length=16, choices=Outcome.choices, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    steps = models.JSONField(default=list, blank=True)
    error = models.JSONField(null=True, blank=True)
    stayed = models.JSONField(default=list, blank=True, help_text="migrations that a failure left applied")

    class Meta:
        """Newest first."""

        ordering: ClassVar = ["-started_at", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["-started_at", "-id"], name="deployment_newest"),
            models.Index(fields=["environment", "-started_at"], name="deployment_of_environment"),
        ]

    def __str__(self) -> str:
        """Return the id."""
        return str(self.id)


class DeploymentEvent(models.Model):
    """One event as an agent reported it; kinds that Harbour does not know are kept too."""

    server = models.ForeignKey(Server, models.CASCADE, related_name="events", db_index=False)
    sequence = models.BigIntegerField()
    at = models.DateTimeField()
    received_at = models.DateTimeField()
    kind = models.CharField(max_length=64)
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, blank=True, related_name="events")
    deployment = models.ForeignKey(Deployment, models.CASCADE, null=True, blank=True, related_name="events")
    data = models.JSONField(default=dict)

    class Meta:
        """Newest first; a server's sequence number is what makes a repeated report harmless."""

        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["server", "sequence"], name="event_once_per_server_and_sequence"),
        ]

    def __str__(self) -> str:
        """Return kind and sequence number."""
        return f"{self.kind} {self.sequence}"
