"""Background jobs of access: the mails."""

from procrastinate.contrib.django import app

from access import mail
from ground.jobs import PATIENCE


@app.task(name="send_password_link", retry=PATIENCE)
def send_password_link(email: str, origin: str, request_id: str | None = None) -> None:  # noqa: ARG001  # for the log
    """Send a link to set a password. Whether the address is known shows only here, not to who asked."""
    mail.send_password_link(email, origin)


@app.task(name="send_invitation", retry=PATIENCE)
def send_invitation(number: int, origin: str, request_id: str | None = None) -> None:  # noqa: ARG001  # for the log
    """Send an invitation."""
    mail.send_invitation(number, origin)
