"""Mails that carry a link. The link is made where it is sent, so that no queue ever holds it."""

from django.http import HttpRequest
from django.template.loader import render_to_string

from access.invitations import invite
from access.links import invitation_link, password_link
from access.models import Invitation, Role, User
from ground.mail import send


def origin(request: HttpRequest) -> str:
    """Return scheme and host of the request, which ALLOWED_HOSTS has vouched for."""
    return f"{request.scheme}://{request.get_host()}"


def send_password_link(email: str, origin: str) -> bool:
    """Send a link to the person with this address; False when there is none, or he may not sign in."""
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if user is None:
        return False
    _send("password_mail", user.email, {"link": password_link(user, origin), "user": user, "origin": origin})
    return True


def send_invitation(number: int, origin: str) -> bool:
    """Renew the invitation and send its link; False when it is no longer open."""
    invitation = Invitation.objects.select_related("app", "invited_by").filter(pk=number, accepted_at=None).first()
    if invitation is None or invitation.invited_by is None:
        return False
    renewed, text = invite(invitation.app, invitation.email, Role(invitation.role), invitation.invited_by)
    context = {"link": invitation_link(text, origin), "invitation": renewed, "origin": origin}
    _send("invitation_mail", renewed.email, context)
    return True


def _send(template: str, address: str, context: dict[str, object]) -> None:
    """The template's first line is the subject."""
    subject, _, body = render_to_string(f"access/{template}.txt", context).strip().partition("\n")
    send(address, subject, body.strip() + "\n")
