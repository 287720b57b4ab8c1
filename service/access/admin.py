"""People, roles, invitations and tokens for the person who runs Harbour; what proves somebody is never shown."""

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.forms import AdminUserCreationForm, UserChangeForm
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from typing_extensions import override

from access.models import Invitation, Membership, Token, User
from access.tokens import revoke


class UserCreationForm(AdminUserCreationForm):  # type: ignore[type-arg]  # Django's class takes no argument when it runs
    """A new person, with or without a password."""

    class Meta:
        """Known by an address."""

        model = User
        fields = ("email", "name")


class ChangeForm(UserChangeForm):  # type: ignore[type-arg]  # likewise
    """A person."""

    class Meta:
        """Known by an address."""

        model = User
        fields = "__all__"


@admin.register(User)
class PeopleAdmin(UserAdmin):  # type: ignore[type-arg]  # likewise
    """People."""

    form = ChangeForm
    add_form = UserCreationForm
    list_display = ("email", "name", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("created_at", "last_login")
    filter_horizontal = ()
    fieldsets = (
        (None, {"fields": ("email", "name", "password")}),
        ("May", {"fields": ("is_active", "is_staff", "is_superuser")}),
        ("When", {"fields": ("created_at", "last_login")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),)


@admin.register(Membership)
class MembershipAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # likewise
    """Who is what where."""

    list_display = ("user", "app", "role", "created_at")
    list_filter = ("role",)
    list_select_related = ("user", "app")
    autocomplete_fields = ("user",)


class Shown(admin.ModelAdmin):  # type: ignore[type-arg]  # likewise
    """Records that come about elsewhere: they are looked at here, not made or edited."""

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return that nothing is made here."""
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return that nothing is edited here."""
        return False


@admin.register(Invitation)
class InvitationAdmin(Shown):
    """Invitations; deleting one withdraws it."""

    fields = ("app", "email", "role", "invited_by", "created_at", "expires_at", "accepted_at")
    list_display = ("email", "app", "role", "expires_at", "accepted_at")
    list_select_related = ("app",)


@admin.register(Token)
class TokenAdmin(Shown):
    """Tokens; they are revoked, so that it stays known that they were."""

    fields = ("prefix", "name", "user", "server", "scopes", "created_at", "expires_at", "last_used_at", "revoked_at")
    list_display = ("prefix", "name", "user", "server", "scopes", "last_used_at", "revoked_at")
    list_select_related = ("user", "server")
    actions = ("revoke_tokens",)

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Return that no token is deleted."""
        return False

    @admin.action(description="Revoke the tokens", permissions=["view"])
    def revoke_tokens(self, request: HttpRequest, queryset: "QuerySet[Token]") -> None:
        """Revoke those that were chosen; for people who may change tokens."""
        tokens = list(queryset) if request.user.has_perm("access.change_token") else []
        for token in tokens:
            revoke(token)
        self.message_user(request, f"{len(tokens)} tokens revoked")
