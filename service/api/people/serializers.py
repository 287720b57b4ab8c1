"""What the API says about people, their roles, invitations and tokens."""

from datetime import datetime
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiExample, extend_schema_field, extend_schema_serializer
from rest_framework import serializers

from access.models import Invitation, Membership, Role, Scope, Token, User
from api.resources import ChangeSerializer
from fleet.models import App, Server

DAY = "2027-02-21T08:00:00Z"


class MembershipOfMeSerializer(serializers.ModelSerializer[Membership]):
    """A role of whoever asks."""

    app = serializers.CharField(source="app.name", read_only=True)

    class Meta:
        """App and role."""

        model = Membership
        fields: ClassVar = ["app", "role"]
        read_only_fields = fields


class ScopesField(serializers.ListField):
    """Names of scopes, each once."""

    child = serializers.ChoiceField(Scope.choices)


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "a member",
            {
                "email": "ada@example.com",
                "name": "Ada",
                "is_staff": False,
                "memberships": [{"app": "shop-api", "role": "member"}],
                "scopes": None,
            },
            response_only=True,
        )
    ]
)
class MeSerializer(serializers.ModelSerializer[User]):
    """Whoever asks."""

    memberships = MembershipOfMeSerializer(many=True, read_only=True)
    scopes = serializers.SerializerMethodField(help_text="what the token may be used for; null without a token")

    class Meta:
        """What programs ask for."""

        model = User
        fields: ClassVar = ["email", "name", "is_staff", "memberships", "scopes"]
        read_only_fields = fields

    @extend_schema_field(ScopesField(allow_null=True))
    def get_scopes(self, user: User) -> list[str] | None:  # noqa: ARG002
        """Return the scopes of the token that was sent."""
        token = self.context["request"].auth
        return token.scopes if isinstance(token, Token) else None


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "a member",
            {
                "id": 4,
                "app": "shop-api",
                "email": "ada@example.com",
                "name": "Ada",
                "role": "member",
                "created_at": "2026-01-05T10:00:00Z",
            },
            response_only=True,
        )
    ]
)
class MembershipSerializer(serializers.ModelSerializer[Membership]):
    """Who is what in an app."""

    app = serializers.CharField(source="app.name", read_only=True)
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)

    class Meta:
        """Person, app and role."""

        model = Membership
        fields: ClassVar = ["id", "app", "email", "name", "role", "created_at"]
        read_only_fields = fields


@extend_schema_serializer(examples=[OpenApiExample("another role", {"role": "owner"}, request_only=True)])
class RoleSerializer(ChangeSerializer):
    """Another role."""

    role = serializers.ChoiceField(Role.choices)

    class Meta:
        """The role alone."""

        model = Membership
        fields: ClassVar = ["role"]


INVITATION: dict[str, Any] = {
    "id": 9,
    "app": "shop-api",
    "email": "anna@example.com",
    "role": "viewer",
    "invited_by": "ada@example.com",
    "created_at": "2026-11-23T08:00:00Z",
    "expires_at": "2026-11-30T08:00:00Z",
}


@extend_schema_serializer(examples=[OpenApiExample("an invitation", INVITATION, response_only=True)])
class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    """An invitation that nobody has accepted yet."""

    app = serializers.CharField(source="app.name", read_only=True)
    invited_by = serializers.EmailField(source="invited_by.email", default=None, read_only=True, allow_null=True)

    class Meta:
        """All but the link."""

        model = Invitation
        fields: ClassVar = ["id", "app", "email", "role", "invited_by", "created_at", "expires_at"]
        read_only_fields = fields


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "an invitation",
            {**INVITATION, "link": "https://harbour.example.com/invitation/?link=Yh3k…"},
            response_only=True,
        )
    ]
)
class NewInvitationSerializer(InvitationSerializer):
    """A new invitation with its link, which is shown this once, unless it has gone by mail."""

    link = serializers.URLField(
        read_only=True, allow_null=True, help_text="good once; null when it has gone by mail instead"
    )

    class Meta(InvitationSerializer.Meta):
        """With the link."""

        fields: ClassVar = [*InvitationSerializer.Meta.fields, "link"]
        read_only_fields = fields


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "a viewer", {"app": "shop-api", "email": "anna@example.com", "role": "viewer"}, request_only=True
        )
    ]
)
class InvitationCreationSerializer(ChangeSerializer):
    """Whom to invite to what."""

    app = serializers.CharField(max_length=63)
    email = serializers.EmailField(max_length=254)
    role = serializers.ChoiceField(Role.choices)

    class Meta:
        """App, address and role."""

        model = Invitation
        fields: ClassVar = ["app", "email", "role"]

    def validate_app(self, name: str) -> App:
        """Return the app. It has to be one that whoever asks may see."""
        app = self.context["apps"].filter(name=name).first()
        if not isinstance(app, App):
            raise serializers.ValidationError("There is no such app")
        return app


TOKEN: dict[str, Any] = {
    "id": 12,
    "name": "release notes",
    "prefix": "harbour_Yh3k",
    "server": None,
    "scopes": ["read"],
    "created_at": "2026-11-23T08:00:00Z",
    "expires_at": DAY,
    "last_used_at": None,
    "revoked_at": None,
}


@extend_schema_serializer(examples=[OpenApiExample("a token", TOKEN, response_only=True)])
class TokenSerializer(serializers.ModelSerializer[Token]):
    """A token, without what it proves itself with."""

    server = serializers.CharField(source="server.name", default=None, read_only=True, allow_null=True)
    scopes = ScopesField(read_only=True)

    class Meta:
        """All but the text."""

        model = Token
        fields: ClassVar = [
            *["id", "name", "prefix", "server", "scopes", "created_at"],
            *["expires_at", "last_used_at", "revoked_at"],
        ]
        read_only_fields = fields


@extend_schema_serializer(examples=[OpenApiExample("a token", {**TOKEN, "token": "harbour_Yh3k…"}, response_only=True)])
class NewTokenSerializer(TokenSerializer):
    """A new token with its text, which is shown this once."""

    token = serializers.CharField(read_only=True, help_text="send it as `Authorization: Bearer <token>`")

    class Meta(TokenSerializer.Meta):
        """With the text."""

        fields: ClassVar = [*TokenSerializer.Meta.fields, "token"]
        read_only_fields = fields


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "one's own", {"name": "release notes", "scopes": ["read"], "expires_at": DAY}, request_only=True
        ),
        OpenApiExample("a server's", {"server": "vps-1.example.com", "scopes": ["report"]}, request_only=True),
    ]
)
class TokenCreationSerializer(ChangeSerializer):
    """A new token: one's own, or for staff that of a server."""

    server = serializers.CharField(max_length=63, required=False, help_text="for staff: the server that reports")
    scopes = serializers.ListField(child=serializers.ChoiceField(Scope.choices), min_length=1, max_length=4)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, help_text="never, when it is left out")

    class Meta:
        """Name, server, scopes and end."""

        model = Token
        fields: ClassVar = ["name", "server", "scopes", "expires_at"]

    def validate_server(self, name: str) -> Server:
        """Return the server. It has to be one that whoever asks may make tokens for."""
        server = self.context["servers"].filter(name=name).first()
        if not isinstance(server, Server):
            raise serializers.ValidationError("There is no such server, or it is not yours to make a token for")
        return server

    def validate_expires_at(self, at: datetime | None) -> datetime | None:
        """Refuse a token that would never work."""
        if at is not None and at <= timezone.now():
            raise serializers.ValidationError("must lie in the future")
        return at
