"""Memberships and invitations: an app keeps an owner, and an invitation is good once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.conf import settings
from django.db import connections
from django.test import Client
from django.utils import timezone
from msgspec.structs import replace
from procrastinate.contrib.django.models import ProcrastinateJob

from access.invitations import AlreadyMember, InvitationClosed, accept, invite, open_invitation, withdraw
from access.memberships import LastOwner, change_role, remove
from access.models import Invitation, Membership, Role, User
from access.visibility import may_own, may_write, role_in
from fleet.models import App

pytestmark = pytest.mark.django_db


@pytest.fixture
def app(db: None) -> App:
    """An app."""
    return App.objects.create(name="shop")


@pytest.fixture
def owner(app: App) -> User:
    """Its owner."""
    return person("ada", app, Role.OWNER)


def person(name: str, app: App | None = None, role: Role = Role.VIEWER) -> User:
    """Make somebody, with a role."""
    user = User.objects.create_user(f"{name}@example.com")
    if app is not None:
        Membership.objects.create(user=user, app=app, role=role)
    return user


def test_a_role_is_what_the_membership_says(app: App, owner: User) -> None:
    viewer, member, stranger = person("v", app), person("m", app, Role.MEMBER), person("s")
    staff = User.objects.create_user("staff@example.com", is_staff=True)
    roles = [role_in(user, app) for user in (owner, member, viewer, stranger, staff)]
    assert roles == [Role.OWNER, Role.MEMBER, Role.VIEWER, None, Role.OWNER]
    assert [may_write(user, app) for user in (owner, member, viewer, stranger)] == [True, True, False, False]
    assert [may_own(user, app) for user in (owner, member, viewer, stranger)] == [True, False, False, False]
    owner.is_active = False
    assert role_in(owner, app) is None


def test_the_last_owner_stays_unless_staff_say_otherwise(app: App, owner: User) -> None:
    membership = Membership.objects.get(user=owner)
    for role in (Role.MEMBER, Role.VIEWER):
        with pytest.raises(LastOwner):
            change_role(membership, role, owner)
    with pytest.raises(LastOwner):
        remove(membership, owner)
    assert change_role(membership, Role.OWNER, owner).role == Role.OWNER
    staff = User.objects.create_user("staff@example.com", is_staff=True)
    remove(membership, staff)
    assert not Membership.objects.exists()


def test_an_owner_goes_when_there_is_another(app: App, owner: User) -> None:
    person("anna", app, Role.OWNER)
    remove(Membership.objects.get(user=owner), owner)
    assert Membership.objects.filter(app=app, role=Role.OWNER).count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_owners_who_leave_at_the_same_time_do_not_both_leave() -> None:
    app = App.objects.create(name="shop")
    owners = [person("ada", app, Role.OWNER), person("anna", app, Role.OWNER)]
    together = Barrier(2)

    def leave(user: User) -> bool:
        membership = Membership.objects.get(user=user)
        together.wait()
        try:
            remove(membership, user)
        except LastOwner:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(leave, owners)) == [False, True]
    assert Membership.objects.filter(role=Role.OWNER).count() == 1


def test_an_invitation_is_good_once(app: App, owner: User) -> None:
    invitation, text = invite(app, " Anna@Example.com ", Role.MEMBER, owner)
    assert invitation.email == "anna@example.com"
    assert text not in str(Invitation.objects.values().get())
    anna = person("anna")
    found = open_invitation(text)
    assert found == invitation
    assert open_invitation(text + "x") is None
    assert accept(invitation, anna).role == Role.MEMBER
    assert open_invitation(text) is None
    with pytest.raises(InvitationClosed):
        accept(invitation, person("somebody"))
    assert Membership.objects.filter(app=app).count() == 2


def test_inviting_again_renews_and_ends_the_earlier_link(app: App, owner: User) -> None:
    first, old = invite(app, "anna@example.com", Role.VIEWER, owner)
    second, new = invite(app, "ANNA@example.com", Role.MEMBER, owner)
    assert first.pk == second.pk
    assert open_invitation(old) is None
    with pytest.raises(InvitationClosed):
        accept(first, person("anna"))
    found = open_invitation(new)
    assert found is not None
    assert found.role == Role.MEMBER


def test_an_invitation_ends_by_time_and_when_it_is_withdrawn(app: App, owner: User) -> None:
    invitation, text = invite(app, "anna@example.com", Role.VIEWER, owner)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert open_invitation(text) is None
    with pytest.raises(InvitationClosed):
        accept(invitation, owner)
    invitation, text = invite(app, "anna@example.com", Role.VIEWER, owner)
    withdraw(invitation)
    assert open_invitation(text) is None
    assert not Invitation.objects.exists()


def test_a_member_is_not_invited_again(app: App, owner: User) -> None:
    with pytest.raises(AlreadyMember):
        invite(app, "ADA@example.com", Role.VIEWER, owner)


def test_accepting_never_takes_a_role_away(app: App, owner: User) -> None:
    invitation, _ = invite(app, "anna@example.com", Role.VIEWER, owner)
    assert accept(invitation, owner).role == Role.OWNER
    viewer = person("v", app)
    invitation, _ = invite(app, "other@example.com", Role.MEMBER, owner)
    assert accept(invitation, viewer).role == Role.MEMBER


@pytest.mark.django_db(transaction=True)
def test_an_invitation_that_many_open_at_once_is_accepted_once() -> None:
    app = App.objects.create(name="shop")
    invitation, _ = invite(app, "anna@example.com", Role.VIEWER, person("ada", app, Role.OWNER))
    people = [person(f"p{number}") for number in range(4)]
    together = Barrier(len(people))

    def take(user: User) -> bool:
        together.wait()
        try:
            accept(invitation, user)
        except InvitationClosed:
            return False
        finally:
            connections.close_all()
        return True

    with ThreadPoolExecutor(len(people)) as threads:
        assert sum(threads.map(take, people)) == 1
    assert Membership.objects.count() == 2


def test_the_link_of_an_invitation_is_shown_where_no_mail_is_sent(app: App, owner: User, client: Client) -> None:
    client.force_login(owner)
    body = {"app": "shop", "email": "anna@example.com", "role": "viewer"}
    answer = client.post("/api/v1/invitations/", body, content_type="application/json")
    assert answer.status_code == 201
    link = answer.json()["link"]
    assert link.startswith("http://testserver/invitation/?link=")
    found = open_invitation(link.partition("=")[2])
    assert found is not None
    assert found.email == "anna@example.com"
    again = client.post("/api/v1/invitations/", {**body, "email": "ada@example.com"}, content_type="application/json")
    assert again.status_code == 409


def test_the_link_of_an_invitation_goes_by_mail_where_there_is_one(
    app: App, owner: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    changed = replace(settings.CONFIGURATION, email_url="smtp://mail.example.com")
    monkeypatch.setattr(settings, "CONFIGURATION", changed)
    client.force_login(owner)
    body = {"app": "shop", "email": "anna@example.com", "role": "viewer"}
    answer = client.post("/api/v1/invitations/", body, content_type="application/json")
    assert (answer.status_code, answer.json()["link"]) == (201, None)
    job = ProcrastinateJob.objects.get()
    assert "send_invitation" in job.task_name
    assert job.args["number"] == Invitation.objects.get().pk
