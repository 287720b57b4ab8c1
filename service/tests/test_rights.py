"""Who may do what over the API: every endpoint as everybody, with the exact status."""

import re
from typing import Any

import pytest
from django.urls import resolve

from access.invitations import invite
from access.models import Invitation, Membership, Role
from access.tokens import create_server_token
from api.description.views import described
from fleet.models import Server
from tests.conftest import Agent
from tests.world import EVERYBODY, World, make_world

pytestmark = pytest.mark.django_db
NEVER = "8b6f6ed8-6ac3-4c38-8bdc-b2a0bd8ec2fd"

# owner, member, viewer, stranger, staff, anonymous, server
LISTED = (200, 200, 200, 200, 200, 401, 403)
READ = (200, 200, 200, 404, 200, 401, 403)
UNKNOWN = (404, 404, 404, 404, 404, 401, 403)
NO_METHOD = (405, 405, 405, 405, 405, 405, 405)

Case = tuple[str, str, Any, tuple[int, ...]]
READS: list[Case] = [
    *[("get", f"{name}/", None, LISTED) for name in ("apps", "servers", "environments", "releases", "deployments")],
    ("get", "notices/", None, LISTED),
    ("get", "notices/{notice}/", None, READ),
    *[("get", f"{name}/", None, LISTED) for name in ("events", "memberships", "invitations", "tokens", "me")],
    ("get", "schema/", None, LISTED),
    ("get", "apps/{app}/", None, READ),
    ("get", "servers/{server}/", None, READ),
    ("get", "environments/{environment}/", None, READ),
    ("get", "releases/{release}/", None, READ),
    ("get", "deployments/{deployment}/", None, READ),
    ("get", "events/{event}/", None, READ),
    ("get", "memberships/{membership}/", None, (200, 404, 200, 404, 200, 401, 403)),
    ("get", "invitations/{invitation}/", None, (200, 404, 404, 404, 200, 401, 403)),
    ("get", "tokens/{token}/", None, (404, 404, 404, 404, 200, 401, 403)),
    ("get", "apps/nothing/", None, UNKNOWN),
    ("get", f"deployments/{NEVER}/", None, UNKNOWN),
]
WRITES: list[Case] = [
    ("patch", "apps/{app}/", {"description": "sells"}, (200, 403, 403, 404, 200, 401, 403)),
    ("patch", "apps/other/", {"description": "sells"}, (404, 404, 404, 404, 200, 401, 403)),
    ("post", "servers/", {"name": "vps-9"}, (403, 403, 403, 403, 201, 401, 403)),
    ("patch", "deployments/{deployment}/", {"note": "mine"}, (200, 200, 403, 404, 200, 401, 403)),
    ("patch", "memberships/{membership}/", {"role": "member"}, (200, 404, 403, 404, 200, 401, 403)),
    ("patch", "memberships/{ownership}/", {"role": "member"}, (409, 404, 404, 404, 200, 401, 403)),
    ("delete", "memberships/{membership}/", None, (204, 404, 204, 404, 204, 401, 403)),
    ("delete", "memberships/{ownership}/", None, (409, 404, 404, 404, 204, 401, 403)),
    (
        "post",
        "invitations/",
        {"app": "shop", "email": "new@example.com", "role": "owner"},
        (201, 403, 403, 400, 201, 401, 403),
    ),
    ("delete", "invitations/{invitation}/", None, (204, 404, 404, 404, 204, 401, 403)),
    ("post", "tokens/", {"scopes": ["read"]}, (201, 201, 201, 201, 201, 401, 403)),
    ("post", "tokens/", {"scopes": ["metrics"]}, (400, 400, 400, 400, 201, 401, 403)),
    ("post", "tokens/", {"scopes": ["report"], "server": "vps-1"}, (400, 400, 400, 400, 201, 401, 403)),
    ("delete", "tokens/{token}/", None, (404, 404, 404, 404, 204, 401, 403)),
    ("post", "reports/", {"events": []}, (401, 401, 401, 401, 401, 401, 422)),
]
MISSING: list[Case] = [
    *[
        ("delete", f"{name}/", None, NO_METHOD)
        for name in ("apps", "servers", "deployments", "me", "schema", "reports")
    ],
    *[("post", f"{name}/", {}, NO_METHOD) for name in ("apps", "environments", "deployments", "memberships", "me")],
    ("put", "apps/{app}/", {}, NO_METHOD),
    ("get", "reports/", None, NO_METHOD),
    ("options", "apps/", None, NO_METHOD),
    ("trace", "apps/", None, NO_METHOD),
]


@pytest.fixture
def world(agent: Agent, other_agent: Agent) -> World:
    """The fleet with its people."""
    return make_world(agent, other_agent)


@pytest.mark.parametrize(
    ("method", "path", "body", "expected"), READS + WRITES + MISSING, ids=lambda value: str(value)[:40]
)
def test_everybody_gets_what_the_role_allows(
    world: World, method: str, path: str, body: Any, expected: tuple[int, ...]
) -> None:
    found = {}
    for who in EVERYBODY:
        answer = world.ask(who, method, path, body)
        found[who] = answer.status_code
        if answer.status_code >= 400:
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["status"] == answer.status_code
            assert answer.headers["Cache-Control"] == "no-store"
        if answer.status_code == 405:
            assert answer.headers["Allow"]
        if answer.status_code == 401:
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        if answer.status_code < 300 and method != "get":
            _put_back(world)
    assert found == dict(zip(EVERYBODY, expected, strict=True))


def test_every_operation_of_the_api_is_among_what_everybody_asks(world: World) -> None:
    asked = set()
    for method, path, _, _ in READS + WRITES:
        address = f"/api/v1/{path.format_map(world.ids())}"
        for value in resolve(address).kwargs.values():
            address = address.replace(f"/{value}/", "/{}/")
        asked.add((method, address))
    operations = {
        (method, re.sub(r"{\w+}", "{}", path)) for path, methods in described()["paths"].items() for method in methods
    }
    assert asked == operations


def _put_back(world: World) -> None:
    """What one of them removed or changed is there again for the next."""
    for role in (Role.OWNER, Role.VIEWER):
        Membership.objects.update_or_create(user=world.people[role], app=world.app, defaults={"role": role})
    Invitation.objects.all().delete()
    world.invitation = invite(world.app, "anna@example.com", Role.VIEWER, world.people["owner"])[0]
    Server.objects.filter(name="vps-9").delete()
    create_server_token(world.server)


@pytest.mark.parametrize("who", ["owner", "member", "viewer"])
def test_a_person_sees_nothing_of_another_app(world: World, who: str) -> None:
    def names(path: str, key: str) -> set[str]:
        return {str(item[key]) for item in world.ask(who, "get", path).json()["results"]}

    assert names("apps/", "name") == {"shop"}
    assert names("servers/", "name") == {"vps-1"}
    for path in ("environments/", "releases/", "deployments/", "events/"):
        assert names(path, "app") == {"shop"}
    server = world.ask(who, "get", "servers/vps-1/").json()
    assert [place["app"] for place in server["environments"]] == ["shop"]
    assert names("events/?server=vps-1", "app") == {"shop"}
    assert names("deployments/?app=other", "app") == set()


def test_a_stranger_sees_empty_lists(world: World) -> None:
    for name in ("apps", "servers", "environments", "releases", "deployments", "events", "memberships", "invitations"):
        assert world.ask("stranger", "get", f"{name}/").json()["results"] == []


def test_staff_see_everything_and_what_a_server_tells_about_itself(world: World) -> None:
    apps = world.ask("staff", "get", "apps/").json()["results"]
    assert [app["name"] for app in apps] == ["other", "shop"]
    events = world.ask("staff", "get", "events/?kind=agent.started").json()["results"]
    assert [(event["app"], event["server"]) for event in events] == [(None, "vps-1")]


@pytest.mark.usefixtures("public_read")
def test_where_reading_is_open_anybody_reads_the_fleet_and_nobody_reads_people(world: World) -> None:
    world.ask("member", "patch", "deployments/{deployment}/", {"note": "Brought the checkout."})
    for path in ("apps/", "servers/", "environments/", "releases/", "deployments/", "events/", "schema/"):
        assert world.ask("anonymous", "get", path).status_code == 200
    for path in ("memberships/", "invitations/", "tokens/", "me/"):
        assert world.ask("anonymous", "get", path).status_code == 401
    deployment = world.ask("anonymous", "get", "deployments/{deployment}/").json()
    assert (deployment["note"], deployment["noted_by"]) == ("Brought the checkout.", None)
    listed = world.ask("anonymous", "get", "deployments/?app=shop&expand=note,noted_by").json()["results"]
    assert listed[0]["noted_by"] is None
    assert world.ask("viewer", "get", "deployments/{deployment}/").json()["noted_by"] == {
        "email": "member@example.com",
        "name": "Member",
    }
    for method, path in (("patch", "apps/shop/"), ("patch", "deployments/{deployment}/"), ("post", "servers/")):
        assert world.ask("anonymous", method, path, {}).status_code == 401
    assert world.ask("server", "get", "apps/").status_code == 403
    assert len(world.ask("stranger", "get", "apps/").json()["results"]) == 2
    assert world.ask("stranger", "get", "memberships/").json()["results"] == []
    assert world.ask("stranger", "get", "invitations/").json()["results"] == []
    assert world.ask("stranger", "patch", "apps/shop/", {"description": "x"}).status_code == 403


def test_a_browser_has_to_send_the_csrf_token(world: World) -> None:
    client = world.client("owner").__class__(enforce_csrf_checks=True)
    client.force_login(world.people["owner"])
    answer = client.patch("/api/v1/apps/shop/", {"description": "x"}, content_type="application/json")
    assert answer.status_code == 403
    assert "CSRF" in answer.json()["detail"]


def test_a_person_who_may_not_sign_in_any_more_sees_nothing(world: World) -> None:
    client = world.client("owner")
    world.people["owner"].is_active = False
    world.people["owner"].save()
    assert client.get("/api/v1/apps/").status_code == 401
