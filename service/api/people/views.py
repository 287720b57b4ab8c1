"""People, their roles, invitations and tokens over the API."""

from typing import Any, cast

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from typing_extensions import override

from access import invitations, mail, memberships, tasks, tokens, visibility
from access.links import invitation_link
from access.models import Invitation, Membership, Role, Token, User
from access.requests.permissions import IsPerson, IsSignedIn
from api.pagination import Pages
from api.people import filters, serializers
from api.problem_form import ProblemSerializer
from api.resources import CheckedQuery, ReadResource
from fleet.models import Server
from ground.jobs import hand_over
from ground.mail import is_mail_sent
from ground.problems import CONTENT_TYPE, Problem

CONFLICT = {(409, CONTENT_TYPE): ProblemSerializer}


def _person(request: Request) -> User:
    """Return who asks; the permission has let people in alone."""
    return cast("User", request.user)


class MeView(CheckedQuery, APIView):
    """Whoever asks."""

    permission_classes = (IsPerson,)

    @extend_schema(responses=serializers.MeSerializer)
    def get(self, request: Request) -> Response:
        """Answer name, roles, and what the token may be used for."""
        user = User.objects.prefetch_related("memberships__app").get(pk=_person(request).pk)
        return Response(serializers.MeSerializer(user, context={"request": request}).data)


class MembershipViews(ReadResource):
    """Who is what in the apps that one owns, and one's own roles."""

    queryset = Membership.objects.none()
    serializer_class = serializers.MembershipSerializer
    permission_classes = (IsPerson,)
    filterset_class = filters.MembershipFilters
    pagination_class = Pages
    lookup_value_converter = "int"

    @override
    def get_queryset(self) -> QuerySet[Membership]:
        """Return the memberships that the request may see."""
        return visibility.visible_memberships(self.request.user).select_related("app", "user")

    @extend_schema(request=serializers.RoleSerializer, responses={200: serializers.MembershipSerializer, **CONFLICT})
    def partial_update(self, request: Request, **_: Any) -> Response:
        """Change the role; for the app's owners. The last owner stays one."""
        membership: Membership = self.get_object()
        user = _person(request)
        if not visibility.may_own(user, membership.app):
            raise PermissionDenied("This is for the app's owners")
        change = serializers.RoleSerializer(data=request.data)
        change.is_valid(raise_exception=True)
        try:
            memberships.change_role(membership, Role(change.validated_data["role"]), user)
        except memberships.LastOwner:
            raise _last_owner() from None
        return Response(self.get_serializer(membership).data)

    @extend_schema(responses={204: None, **CONFLICT})
    def destroy(self, request: Request, **_: Any) -> Response:
        """End the membership; for the app's owners, and for oneself. The last owner can't leave."""
        membership: Membership = self.get_object()
        user = _person(request)
        if membership.user_id != user.pk and not visibility.may_own(user, membership.app):
            raise PermissionDenied("This is for the app's owners")
        try:
            memberships.remove(membership, user)
        except memberships.LastOwner:
            raise _last_owner() from None
        return Response(status=204)


def _last_owner() -> Problem:
    return Problem(409, "The app would be left without an owner; make somebody else one first")


class InvitationViews(ReadResource):
    """Invitations to the apps that one owns, as long as nobody has accepted them."""

    queryset = Invitation.objects.none()
    serializer_class = serializers.InvitationSerializer
    permission_classes = (IsPerson,)
    filterset_class = filters.InvitationFilters
    pagination_class = Pages
    lookup_value_converter = "int"

    @override
    def get_queryset(self) -> QuerySet[Invitation]:
        """Return the invitations that the request may see."""
        return visibility.visible_invitations(self.request.user).select_related("app", "invited_by")

    @extend_schema(
        request=serializers.InvitationCreationSerializer,
        responses={201: serializers.NewInvitationSerializer, **CONFLICT},
    )
    def create(self, request: Request) -> Response:
        """Invite an address; for the app's owners. Inviting again makes a new link, and the earlier one ends.

        The link goes by mail. Where Harbour sends none, it is in the answer, this once.
        """
        user = _person(request)
        apps = visibility.visible_apps(user)
        wanted = serializers.InvitationCreationSerializer(data=request.data, context={"apps": apps})
        wanted.is_valid(raise_exception=True)
        app, role = wanted.validated_data["app"], Role(wanted.validated_data["role"])
        if not visibility.may_own(user, app):
            raise PermissionDenied("This is for the app's owners")
        try:
            invitation, text = invitations.invite(app, wanted.validated_data["email"], role, user)
        except invitations.AlreadyMember:
            raise Problem(409, "The person with this address has a role in the app; change that one") from None
        invitation.link = self._sent(invitation, text)  # type: ignore[attr-defined]  # for the answer alone
        return Response(serializers.NewInvitationSerializer(invitation).data, 201)

    def _sent(self, invitation: Invitation, text: str) -> str | None:
        origin = mail.origin(self.request)
        if not is_mail_sent():
            return invitation_link(text, origin)
        hand_over(tasks.send_invitation, number=invitation.pk, origin=origin)
        return None

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_: Any) -> Response:
        """Withdraw the invitation; for the app's owners."""
        invitations.withdraw(self.get_object())
        return Response(status=204)


class TokenViews(ReadResource):
    """One's own tokens; for staff those of servers too. For a signed-in person alone, never with a token."""

    queryset = Token.objects.none()
    serializer_class = serializers.TokenSerializer
    permission_classes = (IsSignedIn,)
    filterset_class = filters.TokenFilters
    pagination_class = Pages
    lookup_value_converter = "int"

    @override
    def get_queryset(self) -> QuerySet[Token]:
        """Return the tokens that the request may see."""
        return visibility.visible_tokens(self.request.user).select_related("server")

    @extend_schema(request=serializers.TokenCreationSerializer, responses={201: serializers.NewTokenSerializer})
    def create(self, request: Request) -> Response:
        """Make a token. Its text is shown this once, and only its digest is kept."""
        user = _person(request)
        servers = Server.objects.all() if user.is_staff else Server.objects.none()
        wanted = serializers.TokenCreationSerializer(data=request.data, context={"servers": servers})
        wanted.is_valid(raise_exception=True)
        chosen = wanted.validated_data
        owner = chosen.get("server", user)
        try:
            token, text = tokens.create_token(
                owner, chosen["scopes"], name=chosen.get("name", ""), expires_at=chosen.get("expires_at")
            )
        except tokens.ScopeRefused:
            known = ", ".join(sorted(tokens.scopes_for(owner)))
            detail = f"This owner's tokens have at most: {known}"
            raise Problem(400, "The request is not valid", [{"pointer": "#/scopes", "detail": detail}]) from None
        token.token = text  # type: ignore[attr-defined]  # for the answer alone
        return Response(serializers.NewTokenSerializer(token).data, 201)

    @extend_schema(responses={204: None})
    def destroy(self, _request: Request, **_: Any) -> Response:
        """Revoke the token; it stays in the list. Revoking it again changes nothing."""
        tokens.revoke(self.get_object())
        return Response(status=204)
