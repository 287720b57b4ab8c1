"""Invitations: by mail or by a shown link, for somebody new and somebody known, and for nobody else."""

from datetime import timedelta

import pytest
from django.core import mail as outbox
from django.test import Client
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from access import invitations
from access.models import Invitation, Membership, Role, User
from access.tokens import digest
from fleet.models import App
from tests.people import LINK, PASSWORD, link_of_the_mail, sign_in, signed_in, text, work

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop(ada: User) -> App:
    """An app that Ada owns."""
    app = App.objects.create(name="shop")
    Membership.objects.create(user=ada, app=app, role=Role.OWNER)
    return app


def invited(shop: App, email: str = "new@example.com", role: str = "member") -> str:
    """Invite on the page, without mail; returns the link that is shown once."""
    owner = User.objects.get(email="ada@example.com")
    answer = signed_in(owner).post("/apps/shop/invitations/", {"invite-email": email, "invite-role": role})
    found = LINK.search(text(answer))
    assert found
    assert "no-store" in answer.headers["Cache-Control"]
    return found[1].partition("<")[0]


def test_without_mail_the_link_is_shown_once_and_kept_as_a_digest(ada: User, shop: App) -> None:
    secret = invited(shop).partition("link=")[2]
    assert Invitation.objects.get().digest == digest(secret)
    assert secret not in text(signed_in(ada).get("/apps/shop/"))


def test_somebody_new_sets_name_and_password_and_is_in(shop: App, client: Client) -> None:
    link = invited(shop)
    assert client.get(link).headers["Location"] == "/invitation/"
    shown = text(client.get("/invitation/"))
    assert "new@example.com" in shown
    assert "Ada" in shown
    answer = client.post("/invitation/", {"name": "New", "password": PASSWORD}, follow=True)
    assert "Welcome to shop" in text(answer)
    made = User.objects.get(email="new@example.com")
    assert (made.name, made.check_password(PASSWORD)) == ("New", True)
    assert Membership.objects.get(user=made).role == Role.MEMBER
    assert "This invitation is closed" in text(Client().get(link, follow=True), 410)


def test_a_weak_password_is_refused_and_nobody_is_made(shop: App, client: Client) -> None:
    client.get(invited(shop))
    for weak in ("short", "new@example.com", "password12345"):
        assert 'class="errorlist"' in text(client.post("/invitation/", {"name": "New", "password": weak}))
    assert not User.objects.filter(email="new@example.com").exists()
    assert Invitation.objects.get().accepted_at is None


def test_somebody_known_signs_in_and_accepts(shop: App, client: Client) -> None:
    anna = User.objects.create_user("anna@example.com", PASSWORD)
    client.get(invited(shop, "Anna@example.com", "viewer"))
    shown = text(client.get("/invitation/"))
    assert "/sign-in/?next=/invitation/" in shown
    assert 'type="password"' not in shown
    assert sign_in(client, "anna@example.com", PASSWORD, next="/invitation/").headers["Location"] == "/invitation/"
    assert Membership.objects.filter(user=anna).count() == 0  # opening it accepts nothing
    text(client.get("/invitation/"))
    assert "Welcome to shop" in text(client.post("/invitation/", follow=True))
    assert Membership.objects.get(user=anna).role == Role.VIEWER


def test_nobody_takes_over_an_account_by_an_invitation(shop: App, client: Client) -> None:
    User.objects.create_user("anna@example.com", PASSWORD)
    client.get(invited(shop, "anna@example.com"))
    text(client.post("/invitation/", {"name": "Mallory", "password": "another horse battery"}))
    anna = User.objects.get(email="anna@example.com")
    assert (anna.check_password(PASSWORD), anna.name) == (True, "")
    assert "_auth_user_id" not in client.session


def test_an_invitation_for_another_address_is_not_accepted(shop: App) -> None:
    bob = User.objects.create_user("bob@example.com", PASSWORD)
    client = signed_in(bob)
    link = invited(shop)
    assert "for another address" in text(client.get(link, follow=True), 403)
    assert "for another address" in text(client.post("/invitation/"), 403)
    assert not Membership.objects.filter(user=bob).exists()


@pytest.mark.parametrize("end", ["expired", "withdrawn", "renewed", "accepted"])
def test_an_invitation_that_has_ended_is_closed(shop: App, client: Client, end: str) -> None:
    client.get(invited(shop))
    invitation = Invitation.objects.get()
    if end == "expired":
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    elif end == "withdrawn":
        invitations.withdraw(invitation)
    elif end == "renewed":
        invited(shop)
    else:
        Invitation.objects.update(accepted_at=timezone.now())
    assert "This invitation is closed" in text(client.get("/invitation/"), 410)
    answer = client.post("/invitation/", {"name": "New", "password": PASSWORD})
    assert "This invitation is closed" in text(answer, 410)
    assert not User.objects.filter(email="new@example.com").exists()


def test_a_member_is_not_invited_again(ada: User, shop: App) -> None:
    data = {"invite-email": "ADA@example.com", "invite-role": "viewer"}
    assert "is a member already" in text(signed_in(ada).post("/apps/shop/invitations/", data))
    assert not Invitation.objects.exists()


@pytest.mark.usefixtures("sends_mail")
def test_an_invitation_goes_by_mail_and_the_queue_never_holds_its_link(ada: User, shop: App, client: Client) -> None:
    data = {"invite-email": "new@example.com", "invite-role": "viewer"}
    shown = text(signed_in(ada).post("/apps/shop/invitations/", data, follow=True))
    assert "An invitation goes to new@example.com" in shown
    assert "link=" not in shown
    assert set(ProcrastinateJob.objects.get().args) == {"number", "origin", "request_id"}
    assert work() == ["send_invitation"]
    (sent,) = outbox.outbox
    assert sent.subject == "You are invited to shop in Harbour"
    assert "Ada" in sent.body
    assert "Invitation to shop" in text(client.get(link_of_the_mail(), follow=True))


@pytest.mark.usefixtures("sends_mail")
def test_an_invitation_that_is_withdrawn_before_it_went_is_not_sent(ada: User, shop: App) -> None:
    signed_in(ada).post("/apps/shop/invitations/", {"invite-email": "new@example.com", "invite-role": "viewer"})
    invitations.withdraw(Invitation.objects.get())
    work()
    assert outbox.outbox == []


@pytest.mark.usefixtures("sends_mail")
def test_links_in_mails_never_follow_a_host_that_is_not_allowed(ada: User, client: Client) -> None:
    answer = client.post("/password/forgotten/", {"email": "ada@example.com"}, headers={"Host": "evil.example.com"})
    assert answer.status_code == 400
    assert not ProcrastinateJob.objects.exists()


@pytest.mark.usefixtures("sends_mail")
def test_a_name_with_a_line_break_can_not_write_headers(ada: User, shop: App) -> None:
    User.objects.update(name="Ada\nBcc: all@example.com")
    App.objects.update(name="shop")
    signed_in(ada).post("/apps/shop/invitations/", {"invite-email": "new@example.com", "invite-role": "viewer"})
    work()
    assert outbox.outbox[0].recipients() == ["new@example.com"]
    assert "\n" not in outbox.outbox[0].subject
