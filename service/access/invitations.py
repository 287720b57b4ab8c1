"""Inviting somebody to an app by a link that is good once."""

import secrets
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from access.models import Invitation, Membership, Role, User
from access.tokens import digest
from fleet.models import App

LASTS = timedelta(days=7)
RANK = {Role.VIEWER: 1, Role.MEMBER: 2, Role.OWNER: 3}


class AlreadyMember(Exception):
    """The person with this address has a role in the app."""


class InvitationClosed(Exception):
    """The invitation was accepted, withdrawn, or is too old."""


def invite(app: App, email: str, role: Role, by: User) -> tuple[Invitation, str]:
    """Offer a role; returns the invitation and the text that belongs into the link, which is not kept anywhere.

    Inviting the same address again renews the invitation, and the earlier link ends. Raises AlreadyMember.
    """
    email = email.strip().lower()
    text = secrets.token_urlsafe(32)
    with transaction.atomic():
        App.objects.select_for_update().get(pk=app.pk)
        if Membership.objects.filter(app=app, user__email__iexact=email).exists():
            raise AlreadyMember
        invitation = Invitation.objects.filter(app=app, email__iexact=email, accepted_at=None).first()
        invitation = invitation or Invitation(app=app, email=email)
        invitation.role = role
        invitation.digest = digest(text)
        invitation.invited_by = by
        invitation.expires_at = timezone.now() + LASTS
        invitation.save()
    return invitation, text


def open_invitation(text: str) -> Invitation | None:
    """Return the invitation of a link that can still be accepted."""
    found = Invitation.objects.select_related("app", "invited_by").filter(
        digest=digest(text), accepted_at=None, expires_at__gt=timezone.now()
    )
    return found.first()


def accept(invitation: Invitation, user: User) -> Membership:
    """Give the role to whoever came by the link; a role that he has and that may do more stays.

    Raises InvitationClosed, also when somebody else accepted it in the meantime.
    """
    now = timezone.now()
    with transaction.atomic():
        waiting = Invitation.objects.filter(pk=invitation.pk, digest=invitation.digest, accepted_at=None)
        if not waiting.filter(expires_at__gt=now).update(accepted_at=now):
            raise InvitationClosed
        role = Role(invitation.role)
        membership, is_new = Membership.objects.get_or_create(
            user=user, app_id=invitation.app_id, defaults={"role": role}
        )
        if not is_new and RANK[role] > RANK[Role(membership.role)]:
            membership.role = role
            membership.save(update_fields=["role"])
    return membership


def withdraw(invitation: Invitation) -> None:
    """End an invitation that nobody has accepted."""
    Invitation.objects.filter(pk=invitation.pk, accepted_at=None).delete()
