"""Every error of the API is problem details, and nothing that a client sends makes it a 500."""

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from access import visibility
from access.models import Scope
from tests.conftest import Agent
from tests.world import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(agent: Agent, other_agent: Agent) -> World:
    """The fleet with its people."""
    return make_world(agent, other_agent)


def check(answer: Any, status: int) -> Any:
    """Return the body of a problem with this status."""
    assert answer.status_code == status, answer.content
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert (body["type"], body["status"]) == ("about:blank", status)
    assert body["title"]
    assert body["request_id"] == answer.headers["X-Request-ID"]
    return body


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("deployments/?outcom=failed", "outcom"),
        ("deployments/?outcome=broken", "outcome"),
        ("deployments/?kind=undo", "kind"),
        ("deployments/?started_after=yesterday", "started_after"),
        ("deployments/?started_after=0001-01-01T00:00:00%2B23:59", "started_after"),
        ("deployments/?started_before=9999-12-31T23:59:59-23:59", "started_before"),
        ("deployments/?ordering=seconds", "ordering"),
        ("deployments/?expand=steps,everything", "expand"),
        ("deployments/?expand=outcome", "expand"),
        ("deployments/?fields=id,secrets", "fields"),
        ("deployments/?app=%00", "app"),
        ("deployments/?cursor=x", "cursor"),
        ("deployments/?cursor=%F0", "cursor"),
        ("deployments/?cursor=cD1hYmM=", "cursor"),
        ("deployments/?page_size=0", "page_size"),
        ("deployments/?page_size=1001", "page_size"),
        ("deployments/?page_size=%D9%A3", "page_size"),
        ("events/?deployment=7", "deployment"),
        ("events/?expand=data", "expand"),
        ("events/?cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk=", "cursor"),
        ("events/?cursor=" + "cD" * 40, "cursor"),
        ("releases/?search=%00", "search"),
        ("apps/?page=99", "page"),
        ("apps/?page=0", "page"),
        ("apps/?page=%00", "page"),
        ("apps/?page=" + "9" * 5000, "page"),
        ("apps/?ordering=secret", "ordering"),
        ("apps/?format=xml", "format"),
        ("apps/shop/?app=other", "app"),
        ("me/?x=1", "x"),
        ("schema/?lang=de", "lang"),
        ("memberships/?role=king", "role"),
    ],
)
def test_a_query_that_means_nothing_is_refused_by_name(world: World, path: str, parameter: str) -> None:
    body = check(world.ask("staff", "get", path), 400)
    assert [error["parameter"] for error in body["errors"]] == [parameter]


@pytest.mark.parametrize(
    "path",
    [
        "nothing/",
        "apps/%00/",
        "apps/%FF/",
        "apps/" + "a" * 64 + "/",
        "deployments/7/",
        "releases/99999999999999999999999/",
        "releases/" + "9" * 5000 + "/",
        "events/-1/",
        "memberships/99999999999999999999999/",
    ],
)
def test_what_is_not_there_is_a_404(world: World, path: str) -> None:
    check(world.client("staff").get(f"/api/v1/{path}"), 404)


@pytest.mark.parametrize("path", ["/api/", "/api/v2/", "/api/v2/apps/", "/api/v1/", "/api/nothing"])
def test_an_unknown_address_or_version_is_a_404(client: Client, path: str) -> None:
    check(client.get(path), 404)


@pytest.mark.parametrize(
    ("body", "where"),
    [
        (b"{", None),
        (b'{"note": NaN}', None),
        (b'{"note": "\xff"}', None),
        (b'{"note": "\\ud800"}', None),
        (b'{"note": "a\\u0000b"}', None),
        (b'{"note\\u0000": "a"}', None),
        (b"[" * 100_000, None),
        (b'{"note": 1' + b"0" * 5000 + b"}", None),
        (b"[]", "#"),
        (b'"note"', "#"),
        (b"7", "#"),
        (b'{"note": null}', "#/note"),
        (b'{"note": {"a": 1}}', "#/note"),
        (b'{"notes": "a"}', "#/notes"),
        (b'{"a/b~c": 1}', "#/a~1b~0c"),
        (b'{"note": "' + b"x" * 2001 + b'"}', "#/note"),
    ],
)
def test_a_body_that_can_not_be_is_a_400(world: World, body: bytes, where: str | None) -> None:
    address = f"/api/v1/deployments/{world.deployment.pk}/"
    problem = check(world.client("member").patch(address, body, content_type="application/json"), 400)
    if where is not None:
        assert problem["errors"][0]["pointer"] == where


def test_a_charset_in_the_content_type_changes_nothing(world: World) -> None:
    address = f"/api/v1/deployments/{world.deployment.pk}/"
    for charset in ("utf-16", "rot13", "nothing"):
        answer = world.client("member").patch(
            address, '{"note": "ü"}'.encode(), content_type=f"application/json; charset={charset}"
        )
        assert (answer.status_code, answer.json()["note"]) == (200, "ü")


def test_only_json_is_taken_and_given(world: World) -> None:
    client = world.client("owner")
    check(client.patch("/api/v1/apps/shop/", "a=1", content_type="application/x-www-form-urlencoded"), 415)
    check(client.patch("/api/v1/apps/shop/", "a", content_type="text/plain"), 415)
    check(client.get("/api/v1/apps/", headers={"Accept": "text/html"}), 406)
    assert client.get("/api/v1/apps/", headers={"Accept": "text/html, */*;q=0.1"}).status_code == 200


def test_a_body_that_is_too_large_is_a_413(world: World) -> None:
    body = b'{"description": "' + b"x" * (8 * 1024 * 1024) + b'"}'
    check(world.client("owner").patch("/api/v1/apps/shop/", body, content_type="application/json"), 413)


def test_an_error_of_ours_is_a_500_with_the_request_id(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(user: object) -> None:
        raise RuntimeError("a fault")

    monkeypatch.setattr(visibility, "visible_apps", fail)
    client = world.client("owner")
    client.raise_request_exception = False
    body = check(client.get("/api/v1/apps/"), 500)
    assert "fault" not in body["detail"]


def test_a_lost_database_is_a_503_with_a_time_to_try_again(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(user: object) -> None:
        raise OperationalError("the connection was lost")

    monkeypatch.setattr(visibility, "visible_apps", fail)
    answer = world.client("owner").get("/api/v1/apps/")
    check(answer, 503)
    assert int(answer.headers["Retry-After"]) > 0


def test_a_token_without_the_scope_is_a_403_that_says_so(world: World) -> None:
    reader = world.token("owner", Scope.READ)
    answer = reader.patch("/api/v1/apps/shop/", {"description": "x"}, content_type="application/json")
    assert "scope" in check(answer, 403)["detail"]
