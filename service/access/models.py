"""People, their role in each app, invitations, and the tokens of people and servers."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from typing_extensions import override

from fleet.models import App, Server


class Users(BaseUserManager["User"]):
    """Finds and makes people by their address; case does not matter."""

    @override
    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the person with this address. Raises User.DoesNotExist."""
        return self.get(email__iexact=username or "")

    def create_user(self, email: str, password: str | None = None, **fields: object) -> "User":
        """Make a person; without a password, one who can't sign in until it is set by a link."""
        user = self.model(email=email.strip().lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: object) -> "User":
        """Make the person who runs Harbour."""
        return self.create_user(email, password, **{"is_staff": True, "is_superuser": True, **fields})


class User(AbstractBaseUser, PermissionsMixin):
    """A person, known by an address; staff run Harbour and see every app."""

    email = models.EmailField("email address", unique=True)
    name = models.CharField(max_length=150, blank=True)
    is_staff = models.BooleanField("runs Harbour", default=False, help_text="sees every app, manages servers")
    is_active = models.BooleanField("may sign in", default=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = Users()
    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar = []

    class Meta:
        """People go by address; two addresses that differ in case alone are one."""

        ordering: ClassVar = ["email"]
        constraints: ClassVar = [models.UniqueConstraint(Lower("email"), name="user_once_per_address")]

    def __str__(self) -> str:
        """Return the name, or the address of one who gave none."""
        return self.name or self.email


class Role(models.TextChoices):
    """What a person may do in an app; each may do what the ones after it may."""

    OWNER = "owner"
    MEMBER = "member"
    VIEWER = "viewer"


class Membership(models.Model):
    """A person's role in an app."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    app = models.ForeignKey(App, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=8, choices=Role.choices)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """One role per person and app."""

        ordering: ClassVar = ["app__name", "user__email"]
        constraints: ClassVar = [models.UniqueConstraint(fields=["user", "app"], name="one_role_per_user_and_app")]

    def __str__(self) -> str:
        """Return who is what where."""
        return f"{self.user_id} {self.role} of {self.app_id}"


class Invitation(models.Model):
    """A role in an app, offered to whoever opens the link that was sent to an address."""

    app = models.ForeignKey(App, models.CASCADE, related_name="invitations")
    email = models.EmailField()
    role = models.CharField(max_length=8, choices=Role.choices)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    invited_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """One open invitation per address and app."""

        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                Lower("email"), "app", condition=models.Q(accepted_at=None), name="one_open_invitation_per_app"
            ),
        ]

    def __str__(self) -> str:
        """Return who is invited, never the link."""
        return f"{self.email} as {self.role} of {self.app_id}"


class Scope(models.TextChoices):
    """What a token may be used for."""

    READ = "read", "read what its owner may see"
    WRITE = "write", "change what its owner may change"
    REPORT = "report", "report as its server"
    METRICS = "metrics", "read Harbour's own metrics"


class Token(models.Model):
    """What a person's program or a server's agent proves itself with; only the digest is kept."""

    user = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="tokens")
    server = models.ForeignKey(Server, models.CASCADE, null=True, blank=True, related_name="tokens")
    name = models.CharField(max_length=100, blank=True)
    prefix = models.CharField(max_length=16, editable=False, help_text="first characters, to recognise it by")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    scopes = ArrayField(models.CharField(max_length=8, choices=Scope.choices), size=4)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        """Newest first; a token is a person's or a server's, never both."""

        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(user=None) ^ models.Q(server=None), name="token_of_a_user_or_a_server"
            ),
        ]

    def __str__(self) -> str:
        """Name the token by its first characters, never whole."""
        return f"{self.prefix}…"


class RequestCount(models.Model):
    """Requests of one caller in one window of time, for throttling; the table is not logged and may be lost."""

    key = models.CharField(max_length=100, primary_key=True, help_text="who and what, and the window's number")
    count = models.PositiveIntegerField()
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        """Return the key."""
        return self.key
