"""What Harbour knows about the fleet; all of it was reported by agents, nothing is decided here."""

from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.indexes import BrinIndex
from django.db import models

# The name of an app or a server, where an address has it.
SLUG = "[A-Za-z0-9._-]{1,63}"


class App(models.Model):
    """What is shipped."""

    name = models.CharField(max_length=63, unique=True)
    description = models.CharField(max_length=500, blank=True)
    repository = models.URLField(max_length=300, blank=True, help_text="where its commits can be read")
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
    last_sequence = models.BigIntegerField(default=0, help_text="highest sequence number that it has reported")
    gaps = models.JSONField(default=list, blank=True, help_text="[first, last] of sequence numbers that never came")

    class Meta:
        """Servers go by name."""

        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        """Return the name."""
        return self.name


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
        indexes: ClassVar = [
            # The operator class serves a revision's beginning as well as the whole, whatever the collation.
            models.Index(fields=["revision"], name="release_revision_begins", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=["digest"], name="release_digest"),
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
    environment = models.ForeignKey(Environment, models.CASCADE, related_name="deployments", db_index=False)
    release = models.ForeignKey(Release, models.SET_NULL, null=True, blank=True, related_name="deployments")
    kind = models.CharField(max_length=16, default="deploy")
    sequence = models.BigIntegerField(null=True, blank=True, help_text="the pipeline's run number")
    previous = models.PositiveIntegerField(null=True, blank=True, help_text="number of the release that served before")
    outcome = models.CharField(max_length=16, choices=Outcome.choices, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    seconds = models.FloatField(null=True, blank=True)
    downtime = models.FloatField(
        null=True, blank=True, help_text="seconds in which the app did not answer because of it"
    )
    steps = models.JSONField(default=list, blank=True)
    error = models.JSONField(null=True, blank=True)
    stayed = models.JSONField(default=list, blank=True, help_text="migrations that a failure left applied")
    commits = models.JSONField(default=list, blank=True, help_text="what it brought since the previous release")
    commits_complete = models.BooleanField(
        default=False, db_default=False, help_text="whether these are known to be all that it brought"
    )
    note = models.TextField(max_length=2000, blank=True, help_text="what people say about it")
    noted_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    noted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Newest first; each index serves a filter and the order at once."""

        ordering: ClassVar = ["-started_at", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["-started_at", "-id"], name="deployment_newest"),
            models.Index(fields=["environment", "-started_at", "-id"], name="deployment_of_environment"),
            models.Index(fields=["outcome", "-started_at", "-id"], name="deployment_outcome"),
            models.Index(fields=["kind", "-started_at", "-id"], name="deployment_kind"),
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
    # Checked by what stores a report, in the same transaction: a check by PostgreSQL for each event costs an eighth.
    environment = models.ForeignKey(
        Environment, models.CASCADE, null=True, blank=True, related_name="events", db_index=False, db_constraint=False
    )
    deployment = models.ForeignKey(
        Deployment, models.CASCADE, null=True, blank=True, related_name="events", db_index=False, db_constraint=False
    )
    data = models.JSONField(default=dict)

    class Meta:
        """Newest first; a server's sequence number is what makes a repeated report harmless."""

        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["server", "sequence"], name="event_once_per_server_and_sequence"),
        ]
        indexes: ClassVar = [
            # Ascending, as rows come in: read backwards they serve the newest first, and an insert splits fewer pages.
            models.Index(fields=["server", "id"], name="event_of_server"),
            models.Index(fields=["kind", "id"], name="event_kind"),
            models.Index(
                fields=["environment", "id"], name="event_of_environment", condition=models.Q(environment__isnull=False)
            ),
            models.Index(
                fields=["deployment", "id"], name="event_of_deployment", condition=models.Q(deployment__isnull=False)
            ),
            # Times ascend with the rows, so a summary per range of pages is enough, and costs an insert nothing.
            BrinIndex(fields=["at"], name="event_at", pages_per_range=32),
            BrinIndex(fields=["received_at"], name="event_received_at", pages_per_range=32),
        ]

    def __str__(self) -> str:
        """Return kind and sequence number."""
        return f"{self.kind} {self.sequence}"


class Severity(models.TextChoices):
    """How bad it is."""

    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Notice(models.Model):
    """What a person should know about a server or an app on it, as its agent told it last; open until it has ended."""

    server = models.ForeignKey(Server, models.CASCADE, related_name="notices", db_index=False)
    environment = models.ForeignKey(Environment, models.CASCADE, null=True, blank=True, related_name="notices")
    code = models.CharField(max_length=100)
    subject = models.CharField(max_length=200, blank=True, help_text="the app or the part of the server")
    severity = models.CharField(max_length=8, choices=Severity.choices)
    message = models.TextField(max_length=2000, blank=True)
    next = models.CharField(max_length=500, blank=True, help_text="what to do about it")
    since = models.DateTimeField()
    sequence = models.BigIntegerField(help_text="number of the event that told it last")
    told_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Newest first; told again, a notice is the same one."""

        ordering: ClassVar = ["-since", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["server", "code", "subject"], name="notice_once_per_code_and_subject"),
        ]

    def __str__(self) -> str:
        """Return code and subject."""
        return f"{self.code} {self.subject}".rstrip()
