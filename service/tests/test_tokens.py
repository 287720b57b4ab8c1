"""Tokens: shown once, kept as a digest, good for their scopes, and ended in every way that there is."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.models import Scope, Token
from access.tokens import ScopeRefused, create_token, digest, revoke
from tests.conftest import Agent
from tests.world import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(agent: Agent, other_agent: Agent) -> World:
    """The fleet with its people."""
    return make_world(agent, other_agent)


def with_token(text: str) -> Client:
    """Return a client that sends the token."""
    return Client(headers={"Authorization": f"Bearer {text}"})


def make(world: World, who: str = "member", **body: Any) -> Any:
    """Make a token over the API."""
    return world.ask(who, "post", "tokens/", {"scopes": ["read"], **body}).json()


def test_a_token_is_shown_once_and_kept_as_a_digest(world: World) -> None:
    made = make(world, name="notes")
    text = made["token"]
    stored = Token.objects.get(pk=made["id"])
    assert stored.digest == digest(text)
    assert text not in str(Token.objects.filter(pk=stored.pk).values().get())
    listed = world.ask("member", "get", "tokens/").json()["results"]
    assert [item["name"] for item in listed] == ["notes"]
    assert text not in world.ask("member", "get", "tokens/").content.decode()
    assert text not in world.ask("member", "get", f"tokens/{made['id']}/").content.decode()
    assert text.startswith(made["prefix"])
    assert len(made["prefix"]) < 16
    assert with_token(text).get("/api/v1/apps/").json()["results"][0]["name"] == "shop"


def test_the_answer_with_the_text_is_not_kept_by_a_cache(world: World) -> None:
    answer = world.ask("member", "post", "tokens/", {"scopes": ["read"]})
    assert answer.headers["Cache-Control"] == "no-store"


def test_two_tokens_differ(world: World) -> None:
    assert make(world)["token"] != make(world)["token"]


@pytest.mark.parametrize(
    ("scopes", "read", "write"),
    [((Scope.READ,), 200, 403), ((Scope.WRITE,), 403, 200), ((Scope.READ, Scope.WRITE), 200, 200)],
)
def test_a_token_does_what_its_scopes_say(world: World, scopes: tuple[Scope, ...], read: int, write: int) -> None:
    client = world.token("member", *scopes)
    address = f"/api/v1/deployments/{world.deployment.pk}/"
    assert client.get(address).status_code == read
    assert client.patch(address, {"note": "x"}, content_type="application/json").status_code == write


def test_a_token_never_does_more_than_its_person(world: World) -> None:
    client = world.token("viewer", Scope.READ, Scope.WRITE)
    address = f"/api/v1/deployments/{world.deployment.pk}/"
    assert client.patch(address, {"note": "x"}, content_type="application/json").status_code == 403
    assert client.get("/api/v1/apps/other/").status_code == 404
    assert client.post("/api/v1/servers/", {"name": "x"}, content_type="application/json").status_code == 403


def test_a_token_needs_no_csrf_token(world: World) -> None:
    text = make(world, scopes=["write"])["token"]
    client = Client(enforce_csrf_checks=True, headers={"Authorization": f"Bearer {text}"})
    address = f"/api/v1/deployments/{world.deployment.pk}/"
    assert client.patch(address, {"note": "x"}, content_type="application/json").status_code == 200


def test_tokens_are_not_managed_with_a_token(world: World) -> None:
    client = world.token("staff", Scope.READ, Scope.WRITE, Scope.METRICS)
    assert client.get("/api/v1/tokens/").status_code == 403
    assert client.post("/api/v1/tokens/", {"scopes": ["read"]}, content_type="application/json").status_code == 403
    assert client.get("/api/v1/me/").json()["scopes"] == ["metrics", "read", "write"]


def test_a_token_that_has_ended_is_a_401(world: World) -> None:
    def answers(token: Token, text: str) -> int:
        status: int = with_token(text).get("/api/v1/apps/").status_code
        return status

    person = world.people["member"]
    token, text = create_token(person, [Scope.READ])
    assert answers(token, text) == 200
    Token.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert answers(token, text) == 401
    Token.objects.filter(pk=token.pk).update(expires_at=timezone.now() + timedelta(minutes=1))
    assert answers(token, text) == 200
    person.is_active = False
    person.save()
    assert answers(token, text) == 401
    person.is_active = True
    person.save()
    revoke(token)
    assert answers(token, text) == 401
    assert answers(token, text[:-1]) == 401
    assert answers(token, "") == 401
    assert answers(token, "\xff\x00 x") == 401


def test_revoking_is_for_good_and_twice_is_once(world: World) -> None:
    made = make(world)
    assert world.ask("stranger", "delete", f"tokens/{made['id']}/").status_code == 404
    assert world.ask("member", "delete", f"tokens/{made['id']}/").status_code == 204
    at = Token.objects.get(pk=made["id"]).revoked_at
    assert world.ask("member", "delete", f"tokens/{made['id']}/").status_code == 204
    assert Token.objects.get(pk=made["id"]).revoked_at == at is not None
    assert with_token(made["token"]).get("/api/v1/apps/").status_code == 401
    assert world.ask("member", "get", f"tokens/{made['id']}/").json()["revoked_at"]


@pytest.mark.parametrize("body", [{"scopes": []}, {"scopes": ["all"]}, {"scopes": ["report"]}, {"scopes": "read"}, {}])
def test_a_scope_that_is_not_to_be_had_is_refused(world: World, body: Any) -> None:
    answer = world.ask("owner", "post", "tokens/", body)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"].startswith("#/scopes")


def test_a_server_only_reports(world: World) -> None:
    body = {"server": "vps-1", "scopes": ["report", "read"]}
    assert world.ask("staff", "post", "tokens/", body).status_code == 400
    made = world.ask("staff", "post", "tokens/", {"server": "vps-1", "scopes": ["report"]}).json()
    assert made["server"] == "vps-1"
    assert with_token(made["token"]).get("/api/v1/apps/").status_code == 403
    with pytest.raises(ScopeRefused):
        create_token(world.server, [Scope.READ])
    assert world.ask("staff", "post", "tokens/", {"server": "nothing", "scopes": ["report"]}).status_code == 400


@pytest.mark.parametrize("at", ["2020-01-01T00:00:00Z", "soon", "0001-01-01T00:00:00+23:59", 7])
def test_an_end_that_can_not_be_is_refused(world: World, at: Any) -> None:
    answer = world.ask("owner", "post", "tokens/", {"scopes": ["read"], "expires_at": at})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["pointer"] == "#/expires_at"


def test_the_last_use_is_noted_once_a_minute(world: World) -> None:
    token, text = create_token(world.people["member"], [Scope.READ])

    def writes() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert with_token(text).get("/api/v1/me/").status_code == 200
        return sum('UPDATE "access_token"' in query["sql"] for query in captured)

    assert [writes(), writes(), writes()] == [1, 0, 0]
    used = Token.objects.get(pk=token.pk).last_used_at
    assert used is not None
    assert timezone.now() - used < timedelta(seconds=30)
    Token.objects.filter(pk=token.pk).update(last_used_at=used - timedelta(seconds=61))
    assert [writes(), writes()] == [1, 0]
