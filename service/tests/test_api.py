"""Reading over the API: what is answered, how lists are cut and filtered, and that queries do not grow with rows."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from api.fleet import representations, serializers
from fleet.models import Deployment, Notice, Release
from tests.conftest import Agent
from tests.world import World, make_world

LISTS = ["apps", "servers", "environments", "releases", "deployments", "events", "notices"]
pytestmark = pytest.mark.django_db


@pytest.fixture
def world(agent: Agent, other_agent: Agent) -> World:
    """The fleet with its people."""
    return make_world(agent, other_agent)


def every_page(client: Client, path: str) -> Iterator[dict[str, Any]]:
    """Follow `next` to the end."""
    following: str | None = f"/api/v1/{path}"
    while following:
        body = client.get(following).json()
        yield from body["results"]
        following = body["next"] and f"{urlsplit(body['next']).path}?{urlsplit(body['next']).query}"


@pytest.mark.parametrize("who", ["staff", "viewer"])
@pytest.mark.parametrize("name", LISTS)
def test_queries_do_not_grow_with_rows(agent: Agent, other_agent: Agent, name: str, who: str) -> None:
    world = make_world(agent, other_agent)

    def queries(path: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert world.ask(who, "get", path).status_code == 200
        return len(captured)

    detail = f"{name}/{{{name.removesuffix('s')}}}/".format_map(world.ids())
    world.client(who)
    few = queries(f"{name}/"), queries(detail)
    agent.events.clear()
    other_agent.events.clear()
    for number in range(5):
        agent.app, agent.environment = "shop", f"stage-{number}"
        other_agent.app = f"app-{number}"
        agent.deploy(release=2 + number, second=number)
        other_agent.deploy(release=2 + number, second=number)
    agent.send()
    other_agent.send()
    assert (queries(f"{name}/"), queries(detail)) == few
    assert max(few) <= 6, "session, user, count of requests, rows, and what is nested in them"


def test_a_deployment_is_read_as_it_was_reported(agent: Agent, client: Client, public_read: None) -> None:
    number = agent.deploy(release=3)
    agent.send()
    deployment = client.get(f"/api/v1/deployments/{number}/").json()
    assert deployment["id"] == str(number)
    assert (deployment["app"], deployment["environment"], deployment["server"]) == ("harbour", "production", "vps-1")
    assert deployment["release"]["number"] == 3
    assert (deployment["outcome"], deployment["started_at"]) == ("succeeded", "2026-11-23T08:00:00Z")
    assert deployment["steps"][0] == {
        "step": "pull",
        "state": "done",
        "started_at": "2026-11-23T08:00:00.100000Z",
        "seconds": 0.5,
        "detail": "",
    }
    app = client.get("/api/v1/apps/harbour/").json()
    assert app["environments"][0]["release"]["number"] == 3
    assert client.get("/api/v1/servers/vps-1/").json()["agent"] == "0.1.0"


def test_a_running_deployment_has_no_outcome(agent: Agent, client: Client, public_read: None) -> None:
    agent.deploy(release=3)
    agent.send(agent.events[:3])
    assert client.get("/api/v1/deployments/").json()["results"][0]["outcome"] is None
    assert len(client.get("/api/v1/deployments/?outcome=running").json()["results"]) == 1
    assert client.get("/api/v1/deployments/?outcome=succeeded").json()["results"] == []


def test_a_list_is_sparse_and_brings_what_is_asked_for(world: World) -> None:
    def keys(query: str) -> set[str]:
        return set(world.ask("viewer", "get", f"deployments/{query}").json()["results"][0])

    large = representations.DEPLOYMENTS.expandable
    whole = set(world.ask("viewer", "get", "deployments/{deployment}/").json())
    assert whole == set(representations.DEPLOYMENTS.fields)
    assert keys("") == whole - large
    assert keys("?expand=steps,note") == (whole - large) | {"steps", "note"}
    assert keys("?fields=id,steps") == {"id", "steps"}
    assert keys("?fields=id&expand=error") == {"id", "error"}
    assert set(world.ask("viewer", "get", "events/?fields=kind,at").json()["results"][0]) == {"kind", "at"}


@pytest.mark.parametrize(
    ("representation", "serializer"),
    [
        (representations.DEPLOYMENTS, serializers.DeploymentSerializer),
        (representations.RELEASES, serializers.ReleaseSerializer),
        (representations.EVENTS, serializers.StoredEventSerializer),
    ],
)
def test_rows_have_the_fields_that_the_schema_describes(representation: Any, serializer: Any) -> None:
    assert set(representation.fields) == set(serializer().fields)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", 3),
        ("?app=other", 2),
        ("?app=other&server=vps-1", 1),
        ("?server=vps-1", 2),
        ("?environment=production", 3),
        ("?environment=staging", 0),
        ("?app=nothing", 0),
        ("?outcome=succeeded", 3),
        ("?outcome=failed", 0),
        ("?kind=deploy", 3),
        ("?kind=rollback", 0),
        ("?revision=" + f"{3:040x}", 1),
        ("?started_after=2026-11-23T08:00:10Z", 2),
        ("?started_before=2026-11-23T08:00:10Z", 1),
        ("?started_after=2026-11-23T08:00:10Z&started_before=2026-11-23T09:00:20%2B01:00", 1),
        ("?app=&outcome=", 3),
    ],
)
def test_deployments_are_filtered(world: World, query: str, expected: int) -> None:
    assert len(world.ask("staff", "get", f"deployments/{query}").json()["results"]) == expected


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("events/?server=vps-2", 5),
        ("events/?app=other", 10),
        ("events/?app=other&server=vps-1", 5),
        ("events/?kind=deployment.started", 3),
        ("events/?deployment={deployment}", 5),
        ("events/?at_after=2026-11-23T08:30:00Z", 1),
        ("events/?at_before=2026-11-23T08:00:10Z", 5),
        ("releases/?app=shop", 1),
        ("releases/?server=vps-1", 2),
        ("releases/?revision=" + f"{3:040x}", 1),
        ("releases/?search=" + "0" * 39, 3),
        ("releases/?search=" + f"{3:040x}", 1),
        ("releases/?search=3", 0),
        ("releases/?digest=sha256:1", 3),
        ("environments/?app=other", 2),
        ("environments/?server=vps-1&environment=production", 2),
        ("environments/?search=duct", 3),
        ("apps/?search=SHO", 1),
        ("servers/?search=vps", 2),
        ("servers/?search=2", 1),
        ("notices/", 5),
        ("notices/?state=open", 4),
        ("notices/?state=ended", 1),
        ("notices/?server=vps-1", 4),
        ("notices/?app=other", 2),
        ("notices/?app=other&server=vps-2", 1),
        ("notices/?environment=staging", 0),
        ("notices/?severity=critical", 1),
        ("notices/?code=backup-failed", 3),
        ("notices/?subject=shop.production", 1),
        ("memberships/?app=shop&role=owner", 1),
        ("memberships/?email=Owner@example.com", 1),
        ("invitations/?app=shop&email=anna@example.com", 1),
        ("tokens/?server=vps-2", 1),
    ],
)
def test_every_list_is_filtered(world: World, path: str, expected: int) -> None:
    assert len(world.ask("staff", "get", path).json()["results"]) == expected


def test_lists_are_ordered(world: World) -> None:
    def column(path: str, key: str) -> list[Any]:
        return [item[key] for item in world.ask("staff", "get", path).json()["results"]]

    assert column("apps/?ordering=-name", "name") == ["shop", "other"]
    assert column("servers/?ordering=-name", "name") == ["vps-2", "vps-1"]
    assert column("apps/?ordering=,", "name") == ["other", "shop"]
    assert column("environments/?ordering=name", "id") == sorted(column("environments/", "id"))
    newest = column("deployments/", "started_at")
    assert newest == sorted(newest, reverse=True)
    assert column("deployments/?ordering=started_at", "started_at") == sorted(newest)
    ids = column("events/?ordering=id", "id")
    assert ids == sorted(ids)


@pytest.mark.parametrize("path", ["deployments/", "deployments/?ordering=started_at", "events/", "releases/"])
def test_pages_hold_every_row_once(world: World, path: str) -> None:
    Deployment.objects.update(started_at="2026-11-23T08:00:00Z")  # even where all begin at the same time
    joined = "&" if "?" in path else "?"
    client = world.client("staff")
    whole = [item["id"] for item in client.get(f"/api/v1/{path}").json()["results"]]
    assert [item["id"] for item in every_page(client, f"{path}{joined}page_size=2")] == whole


def test_pages_stay_put_while_rows_come_in(world: World) -> None:
    client = world.client("staff")
    first = client.get("/api/v1/events/?page_size=4").json()
    world.agent.events.clear()
    world.agent.sequence += 1
    world.agent.deploy(release=9)
    world.agent.send()
    second = client.get(first["next"].replace("http://testserver", "")).json()
    assert second["results"][0]["id"] == first["results"][-1]["id"] - 1


def test_an_unchanged_answer_is_a_304(world: World) -> None:
    for path in ("apps/", "deployments/", "events/", "deployments/{deployment}/", "me/", "schema/"):
        client = world.client("viewer")
        address = f"/api/v1/{path.format_map(world.ids())}"
        answer = client.get(address)
        assert answer.headers["Cache-Control"] == "private, no-cache"
        assert {"Authorization", "Cookie"} <= set(answer.headers["Vary"].split(", "))
        again = client.get(address, headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["ETag"] == answer.headers["ETag"]
    etag = world.ask("member", "get", "deployments/{deployment}/").headers["ETag"]
    world.ask("member", "patch", "deployments/{deployment}/", {"note": "new"})
    address = f"/api/v1/deployments/{world.deployment.pk}/"
    assert world.client("member").get(address, headers={"If-None-Match": etag}).status_code == 200


def test_head_is_answered_like_get_without_a_body(world: World) -> None:
    answer = world.ask("viewer", "head", "apps/")
    assert (answer.status_code, answer.content) == (200, b"")


def test_notices_show_those_about_visible_apps_and_their_servers(world: World) -> None:
    def subjects(who: str) -> list[str]:
        return sorted(item["subject"] for item in world.ask(who, "get", "notices/").json()["results"])

    assert subjects("viewer") == ["disk", "server", "shop.production"]
    assert subjects("stranger") == []
    assert subjects("staff") == ["disk", "other.production", "other.production", "server", "shop.production"]
    other = Notice.objects.filter(subject="other.production")[0]
    assert world.ask("viewer", "get", f"notices/{other.pk}/").status_code == 404


def test_a_note_is_kept_with_who_wrote_it_and_when(world: World) -> None:
    written = world.ask("member", "patch", "deployments/{deployment}/", {"note": "Brought the checkout."}).json()
    assert written["note"] == "Brought the checkout."
    assert written["noted_by"] == {"email": "member@example.com", "name": "Member"}
    world.ask("owner", "patch", "deployments/{deployment}/", {"note": "Brought the checkout."})
    again = world.ask("viewer", "get", "deployments/{deployment}/").json()
    assert again == written, "the same note again changes nothing"


def test_an_app_is_described_by_its_owner(world: World) -> None:
    body = {"description": "Sells", "repository": "https://git.example.com/shop"}
    answer = world.ask("owner", "patch", "apps/shop/", body).json()
    assert {key: answer[key] for key in body} == body
    for address in ("javascript:alert(1)", "ftp://example.com/", "no address"):
        assert world.ask("owner", "patch", "apps/shop/", {"repository": address}).status_code == 400
    assert world.ask("owner", "patch", "apps/shop/", {"name": "other"}).status_code == 400


def test_a_server_is_added_once(world: World) -> None:
    assert world.ask("staff", "post", "servers/", {"name": "vps-9"}).json()["environments"] == []
    assert world.ask("staff", "post", "servers/", {"name": "vps-9"}).status_code == 400
    for name in ("", "a b", "a" * 64, "-x", "a\n", "ü"):
        assert world.ask("staff", "post", "servers/", {"name": name}).status_code == 400


def test_a_request_id_is_passed_on_and_a_bad_one_replaced(client: Client) -> None:
    answer = client.get("/api/v1/apps/", headers={"X-Request-ID": "edge-7"})
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"] == "edge-7"
    answer = client.get("/api/v1/apps/", headers={"X-Request-ID": "bad id"})
    assert answer.headers["X-Request-ID"] != "bad id"


def test_a_host_that_is_not_allowed_is_answered_400(client: Client) -> None:
    assert client.get("/api/v1/apps/", headers={"Host": "evil.example"}).status_code == 400


def test_the_world_has_what_these_tests_count(world: World) -> None:
    assert (Deployment.objects.count(), Release.objects.count()) == (3, 3)
