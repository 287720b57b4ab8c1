"""Signing in, passwords and the account: what works, what is refused, and what nobody learns."""

import io
import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.core import mail as outbox
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from procrastinate.contrib.django.models import ProcrastinateJob

from access.links import password_link
from access.models import Token, User
from access.requests import throttling
from access.tokens import find_token
from tests.people import PASSWORD, link_of_the_mail, sign_in, signed_in, text, work

pytestmark = pytest.mark.django_db


# Signing in and out


def test_a_person_signs_in_by_address_in_any_case_and_out(ada: User, client: Client) -> None:
    assert sign_in(client, "Ada@Example.com", PASSWORD).headers["Location"] == "/"
    assert client.get("/").status_code == 200
    assert client.post("/sign-out/").headers["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


def test_signing_out_is_never_a_link(ada: User) -> None:
    assert signed_in(ada).get("/sign-out/").status_code == 405


def test_a_wrong_password_an_unknown_address_and_a_closed_account_get_the_same_answer(ada: User) -> None:
    User.objects.create_user("closed@example.com", PASSWORD, is_active=False)
    answers = set()
    for email, password in (("ada@example.com", "x"), ("nobody@example.com", "x"), ("closed@example.com", PASSWORD)):
        shown = text(sign_in(Client(), email, password))
        assert "Address or password is wrong" in shown
        answers.add(re.sub(r'value="[^"]*"', "", shown))
    assert len(answers) == 1


def test_an_unknown_address_costs_a_password_check_too(ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    hashed: list[str | None] = []
    set_password = User.set_password

    def counted(user: User, raw: str | None) -> None:
        hashed.append(raw)
        set_password(user, raw)

    monkeypatch.setattr(User, "set_password", counted)
    sign_in(Client(), "nobody@example.com", "guess")
    assert hashed == ["guess"]


@pytest.mark.parametrize("target", ["https://evil.example.com/", "//evil.example.com/", "javascript:alert(1)"])
def test_signing_in_never_leads_elsewhere(ada: User, client: Client, target: str) -> None:
    assert sign_in(client, "ada@example.com", PASSWORD, next=target).headers["Location"] == "/"


def test_signing_in_leads_to_the_page_that_was_asked_for(ada: User, client: Client) -> None:
    assert 'name="next" value="/servers/"' in text(client.get("/sign-in/?next=/servers/"))
    assert sign_in(client, "ada@example.com", PASSWORD, next="/servers/").headers["Location"] == "/servers/"


def test_attempts_are_bounded_and_the_right_password_does_not_help_then(
    ada: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(throttling, "SIGN_INS_PER_ACCOUNT", 3)
    for _ in range(3):
        assert sign_in(client, "ada@example.com", "x").status_code == 200
    assert "Too many attempts" in text(sign_in(client, "ada@example.com", PASSWORD), 429)
    assert client.get("/").status_code == 302


# Passwords


def test_a_password_is_changed_and_other_sessions_end(ada: User) -> None:
    here, elsewhere = signed_in(ada), signed_in(ada)
    new = "another horse battery"
    data = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    assert "The password is changed" in text(here.post("/password/", data, follow=True))
    assert here.get("/account/").status_code == 200
    assert elsewhere.get("/account/").status_code == 302


def test_a_password_is_not_changed_without_the_old_one_or_to_a_weak_one(ada: User) -> None:
    for old, new in (("x", "another horse battery"), (PASSWORD, "short")):
        data = {"old_password": old, "new_password1": new, "new_password2": new}
        assert 'class="errorlist"' in text(signed_in(ada).post("/password/", data))
    ada.refresh_from_db()
    assert ada.check_password(PASSWORD)


def test_without_mail_the_page_says_whom_to_ask(client: Client) -> None:
    assert "password_link" in text(client.get("/password/forgotten/"))
    text(client.post("/password/forgotten/", {"email": "ada@example.com"}))
    assert not ProcrastinateJob.objects.exists()


@pytest.mark.usefixtures("sends_mail")
def test_a_known_and_an_unknown_address_get_the_same_answer_by_the_same_work(ada: User) -> None:
    User.objects.create_user("closed@example.com", PASSWORD, is_active=False)
    answers, costs = set(), set()
    for email in ("ada@example.com", "bob@example.com", "closed@example.com"):
        with CaptureQueriesContext(connection) as captured:
            shown = text(Client().post("/password/forgotten/", {"email": email}))
        answers.add(shown.replace(email, ""))
        costs.add(len(captured))
    assert len(answers) == len(costs) == 1
    assert outbox.outbox == []
    work()
    assert [one.to for one in outbox.outbox] == [["ada@example.com"]]


@pytest.mark.usefixtures("sends_mail")
def test_a_forgotten_password_is_set_by_the_link_once(ada: User, client: Client) -> None:
    client.post("/password/forgotten/", {"email": "ADA@example.com"})
    job = ProcrastinateJob.objects.get()
    assert set(job.args) == {"email", "origin", "request_id"}  # the queue holds no link
    assert work() == ["send_password_link"]
    link = link_of_the_mail()
    moved = client.get(link)
    assert moved.headers["Location"] == "/password/new/"  # the secret leaves the address
    shown = text(client.get("/password/new/"))
    assert "ada@example.com" in shown
    new = "another horse battery"
    answer = client.post("/password/new/", {"new_password1": new, "new_password2": new})
    assert answer.headers["Location"] == "/sign-in/"
    assert sign_in(client, "ada@example.com", new).status_code == 302
    assert "This link is closed" in text(Client().get(link, follow=True), 410)


@pytest.mark.usefixtures("sends_mail")
def test_a_link_ends_by_time(ada: User, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    link = password_link(ada, "http://testserver").removeprefix("http://testserver")
    assert text(Client().get(link, follow=True))
    monkeypatch.setattr(settings, "PASSWORD_RESET_TIMEOUT", -1)
    assert "This link is closed" in text(client.get(link, follow=True), 410)


@pytest.mark.parametrize("forged", ["", "x", "MQ.x", "MQ.x.y", "\0", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk.x-y", "é.x"])
def test_a_forged_link_is_closed(ada: User, client: Client, forged: str) -> None:
    client.get("/password/new/", {"link": forged})
    assert "This link is closed" in text(client.get("/password/new/"), 410)
    client.get("/invitation/", {"link": forged})
    assert "This invitation is closed" in text(client.get("/invitation/"), 410)


def test_pages_with_a_secret_are_not_kept_and_send_no_referrer_elsewhere(ada: User, client: Client) -> None:
    link = password_link(ada, "http://testserver").removeprefix("http://testserver")
    answer = client.get(link, follow=True)
    assert "no-store" in answer.headers["Cache-Control"]
    assert answer.headers["Referrer-Policy"] == "same-origin"


def test_a_link_is_printed_for_who_runs_harbour(ada: User, client: Client) -> None:
    out = io.StringIO()
    call_command("password_link", "Ada@example.com", stdout=out)
    assert out.getvalue().startswith("http://testserver/password/new/?link=")
    text(client.get(out.getvalue().strip().removeprefix("http://testserver"), follow=True))
    out = io.StringIO()
    call_command("password_link", "ada@example.com", "--origin", "https://harbour.example.com/", stdout=out)
    assert out.getvalue().startswith("https://harbour.example.com/password/new/?link=")
    with pytest.raises(CommandError, match="nobody who may sign in"):
        call_command("password_link", "nobody@example.com")


def test_the_first_person_is_made_by_the_command_and_signs_in(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command("createsuperuser", "--noinput", "--email", "Root@example.com", stdout=io.StringIO())
    assert User.objects.get().is_staff
    assert sign_in(client, "root@example.com", PASSWORD).status_code == 302


# The account


def test_a_token_is_shown_once_and_works_with_its_scopes_alone(ada: User) -> None:
    client = signed_in(ada)
    data = {"action": "token", "token-name": "laptop", "token-scopes": ["read"], "token-expires": "30"}
    answer = client.post("/account/", data)
    shown = re.search(r"<code>(harbour_[\w-]{20,})</code>", text(answer))
    assert shown
    assert "no-store" in answer.headers["Cache-Control"]
    found = find_token(shown[1])
    assert found is not None
    assert (found.user, found.name, found.scopes) == (ada, "laptop", ["read"])
    assert found.expires_at is not None
    assert timedelta(days=29) < found.expires_at - timezone.now() < timedelta(days=31)
    again = text(client.get("/account/"))
    assert shown[1] not in again
    assert found.prefix in again


@pytest.mark.parametrize("scope", ["report", "metrics", "everything", ""])
def test_a_token_can_not_do_more_than_its_person(ada: User, scope: str) -> None:
    data = {"action": "token", "token-name": "x", "token-scopes": [scope], "token-expires": "30"}
    assert 'class="errorlist"' in text(signed_in(ada).post("/account/", data))
    assert not Token.objects.exists()


def test_a_token_is_revoked_by_its_owner_alone(ada: User) -> None:
    data = {"action": "token", "token-name": "laptop", "token-scopes": ["read"], "token-expires": ""}
    client = signed_in(ada)
    client.post("/account/", data)
    token = Token.objects.get()
    assert token.expires_at is None
    other = User.objects.create_user("root@example.com", PASSWORD, is_staff=True)
    assert signed_in(other).post(f"/account/tokens/{token.pk}/").status_code == 404
    assert "is revoked" in text(client.post(f"/account/tokens/{token.pk}/", follow=True))
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_a_token_does_not_open_the_account(ada: User, client: Client) -> None:
    signed_in(ada).post("/account/", {"action": "token", "token-name": "x", "token-scopes": ["write"]})
    headers = {"Authorization": "Bearer x"}
    assert client.get("/account/", headers=headers).status_code == 302


def test_a_name_is_kept_and_can_not_inject(ada: User) -> None:
    shown = text(signed_in(ada).post("/account/", {"action": "name", "person-name": "<script>alert(1)"}, follow=True))
    ada.refresh_from_db()
    assert ada.name == "<script>alert(1)"
    assert "<script>alert" not in shown
