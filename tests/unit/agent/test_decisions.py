"""The agent's pure decisions, as tables: rollback's target, retention, variables, fences, credentials."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ferryman_agent.containers import app_workload, database_workload, lane_endpoint, subnet, variables
from ferryman_agent.engine import Endpoint, Image, Keep, Limits, Subnet, Workload
from ferryman_agent.errors import AgentError, BadRequest, Refused
from ferryman_agent.host.database import known_migrations, pending
from ferryman_agent.host.logins import authentication, registry_of
from ferryman_agent.ledger import App, Release, ReleaseState
from ferryman_agent.manifest import parse_manifest
from ferryman_agent.testing import digest, manifest
from ferryman_agent.transaction.orders.deploying import parse_deploy, parse_rollback, rollback_target
from ferryman_agent.transaction.steps.teardown.retention import beyond


def app(serving: int | None = 3, lane: str | None = "a") -> App:
    return App("shop.production", "shop", "production", 1, 7, serving, lane, "", None, None)


def release(number: int, state: str = "healthy") -> Release:
    fields = ("shop.production", number, "acme/shop", digest(str(number)), f"{number:040x}")
    return Release(*fields, manifest(), 0, None, ReleaseState(state), "2026-11-23T08:00:00.000Z")


def releases(states: str) -> list[Release]:
    """'hfp' → releases 3 (healthy), 2 (failed), 1 (pruned): newest first, as the ledger gives them."""
    names = {"h": "healthy", "f": "failed", "p": "pruned", "c": "candidate"}
    return [release(len(states) - n, names[letter]) for n, letter in enumerate(states)]


@pytest.mark.parametrize(
    ("states", "serving", "asked", "expected"),
    [
        ("hhh", 3, None, 2),
        ("hfh", 3, None, 1),
        ("hhh", 2, None, 1),  # after a rollback: the one before what serves
        ("hhh", 2, 3, 3),  # forward again, when it is named
        ("hph", 3, None, 1),
        ("hhh", 3, 1, 1),
        ("hhh", 1, None, "no-earlier-release"),
        ("h", 1, None, "no-earlier-release"),
        ("hff", 3, None, "no-earlier-release"),
        ("f", None, None, "no-earlier-release"),
        ("hhh", 3, 3, "already-serving"),
        ("hfh", 3, 2, "unknown-release"),
        ("hph", 3, 2, "unknown-release"),
        ("hch", 3, 2, "unknown-release"),
        ("hhh", 3, 9, "unknown-release"),
        ("hhh", 3, 0, "unknown-release"),
    ],
)
def test_rollback_goes_to(states: str, serving: int | None, asked: int | None, expected: int | str) -> None:
    if isinstance(expected, int):
        assert rollback_target(app(serving), releases(states), asked).number == expected
        return
    with pytest.raises(Refused) as caught:
        rollback_target(app(serving), releases(states), asked)
    assert caught.value.code == expected
    healthy = [r.number for r in releases(states) if r.state == "healthy" and r.number != serving]
    assert [choice["number"] for choice in caught.value.details["choices"]] == healthy


@pytest.mark.parametrize(
    ("states", "serving", "retain", "going"),
    [
        ("hhhhh", 5, 3, [2, 1]),
        ("hhhhh", 1, 3, [2]),  # what serves is held, however old
        ("ffffh", 1, 1, [5, 4, 3, 2]),
        ("hfhfh", 5, 2, [4, 2, 1]),  # failures evict no healthy one
        ("hhh", 3, 5, []),
        ("chh", 2, 1, [1]),  # a candidate is in use
        ("hpp", 3, 1, []),
        ("hhh", None, 1, [2, 1]),
    ],
)
def test_retention_lets_go_of(states: str, serving: int | None, retain: int, going: list[int]) -> None:
    assert [r.number for r in beyond(app(serving), releases(states), retain)] == going


def test_variables_are_merged_ours_first_then_plain_then_what_the_operator_set() -> None:
    content = manifest(env={"required": [], "values": {"A": "plain", "B": "plain", "PORT": "1", "SECRET_KEY": "p"}})
    found = variables(
        app(), parse_manifest(content), release(4), {"B": "set", "SECRET_KEY": "own"}, {"SECRET_KEY": "ours"}
    )
    assert found == [
        "A=plain",
        "ALLOWED_HOSTS=localhost,127.0.0.1,[::1],shop.example.com",
        "B=set",
        "CSRF_TRUSTED_ORIGINS=http://shop.example.com:8000",
        "FERRYMAN_APP=shop",
        "FERRYMAN_ENVIRONMENT=production",
        "FERRYMAN_RELEASE=4",
        f"FERRYMAN_REVISION={4:040x}",
        "FERRYMAN_SCHEME=http",
        "PORT=1",
        "SECRET_KEY=own",
    ]


def test_with_a_domain_only_it_is_an_allowed_host() -> None:
    found = variables(app(), parse_manifest(manifest(domain="shop.example.com")), release(4), {}, {})
    assert "ALLOWED_HOSTS=shop.example.com" in found


@pytest.mark.parametrize(
    ("domain", "host", "origins"),
    [
        ("shop.example.com", "203.0.113.7", "http://shop.example.com,https://shop.example.com"),
        (None, "203.0.113.7", "http://203.0.113.7:8000"),
        (None, "2001:db8::7", "http://[2001:db8::7]:8000"),
        (None, "", "http://localhost:8000"),
    ],
)
def test_the_origins_that_forms_may_come_from_are_never_empty(domain: str | None, host: str, origins: str) -> None:
    found = variables(app(), parse_manifest(manifest(domain=domain, host=host)), release(4), {}, {})
    assert f"CSRF_TRUSTED_ORIGINS={origins}" in found


@pytest.mark.parametrize("name", ["CSRF_TRUSTED_ORIGINS", "FERRYMAN_SCHEME", "ALLOWED_HOSTS"])
def test_a_value_of_the_users_own_wins(name: str) -> None:
    content = manifest(env={"required": [], "values": {name: "plain"}})
    assert f"{name}=plain" in variables(app(), parse_manifest(content), release(4), {}, {})
    assert f"{name}=set" in variables(app(), parse_manifest(content), release(4), {name: "set"}, {})


def test_a_container_is_fenced_in() -> None:
    parsed = parse_manifest(manifest(volumes={"media": "/app/media"}))
    assert app_workload(parsed, release(4), parsed.web, ["A=1"]) == Workload(
        image=f"acme/shop@{digest('4')}",
        labels={"ferryman.app": "shop.production", "ferryman.role": "web", "ferryman.release": "4"},
        endpoint=Endpoint("ferryman.shop.production", None, ""),
        environment=("A=1",),
        limits=Limits(memory=256 << 20, cpus=1.0, pids=128),
        is_read_only=True,
        tmpfs={"/tmp": 64 << 20},
        volumes={"ferryman.shop.production.volume.media": "/app/media"},
        keep=Keep.NO,
    )


def test_a_web_container_has_a_fixed_address_outside_of_what_the_engine_gives_out() -> None:
    assert lane_endpoint(app(), "a") == Endpoint("ferryman.shop.production", "10.213.7.10", "web")
    assert lane_endpoint(app(), "b") == Endpoint("ferryman.shop.production", "10.213.7.11", "web")
    assert subnet(app()) == Subnet("10.213.7.0/24", "10.213.7.128/25")


@pytest.mark.parametrize(("grace", "given"), [(0.2, 0.2), (10.0, 10.0), (30.0, 10)])
def test_the_engine_itself_waits_no_longer_than_its_own_limit_for_a_role(grace: float, given: float) -> None:
    parsed = parse_manifest(manifest())
    role = replace(parsed.web, stop_grace=grace)
    assert app_workload(parsed, release(4), role, []).stop_grace == given


def test_postgresql_publishes_no_port_and_keeps_its_data_on_a_volume() -> None:
    found = database_workload(app(), 17, "secret")
    assert found.image == "postgres:17"
    assert found.published == {}
    assert found.endpoint == Endpoint("ferryman.shop.production", "10.213.7.2", "postgres")
    assert found.volumes == {"ferryman.shop.production.postgres-17": "/var/lib/postgresql/data"}
    assert "secret" not in repr(found)


@pytest.mark.parametrize(
    ("image", "server"),
    [
        ("acme/shop", "https://index.docker.io/v1/"),
        ("shop", "https://index.docker.io/v1/"),
        ("docker.io/acme/shop", "https://index.docker.io/v1/"),
        ("ghcr.io/acme/shop", "ghcr.io"),
        ("localhost/shop", "localhost"),
        ("registry:5000/shop", "registry:5000"),
    ],
)
def test_credentials_go_to_the_registry_that_the_image_names(image: str, server: str) -> None:
    auth = {"username": "u", "password": "p"}
    assert authentication(registry_of(image), auth) == {**auth, "serveraddress": server}


def test_pending_migrations() -> None:
    assert pending(["a.1", "a.2"], {"a.1", "b.1"}) == ["a.2"]
    assert pending([], set()) == []
    assert pending(None, {"a.1"}) is None


@pytest.mark.parametrize(
    ("labels", "known"),
    [
        ({}, None),
        ({"ferryman.migrations": ""}, None),
        ({"ferryman.migrations": "nonsense"}, None),
        ({"ferryman.migrations": '{"a": 1}'}, None),
        ({"ferryman.migrations": "[]"}, []),
        ({"ferryman.migrations": '["a.1"]'}, ["a.1"]),
    ],
)
def test_what_an_image_says_that_it_knows(labels: dict[str, str], known: list[str] | None) -> None:
    assert known_migrations(Image("x", 1, labels=labels)) == known


ORDER = {"manifest": manifest(), "digest": digest("one"), "revision": "0" * 40}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("digest", "sha256:0"),
        ("digest", None),
        ("revision", "main"),
        ("revision", "0" * 40 + "-dirty"),
        ("sequence", -1),
        ("sequence", "7"),
        ("sequence", True),
        ("sequence", 1.0),
        ("sequence", 2**70),
        ("credentials", "u:p"),
        ("credentials", {"username": "u"}),
        ("credentials", {"username": "u", "password": 5}),
        ("commits", "none"),
        ("migrations", "shop.0001_initial"),
        ("migrations", ["initial"]),
        ("migrations", ["shop.0001\n"]),
        ("migrations", [7]),
        ("migrations", [f"shop.{'x' * 200}"]),
        ("migrations", ["shop.0001"] * 5001),
    ],
)
def test_a_bad_order_names_its_key(key: str, value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_deploy({**ORDER, key: value})
    assert caught.value.message.startswith(f"{key}: ")


def test_an_orders_password_is_not_in_its_text() -> None:
    order = parse_deploy({**ORDER, "credentials": {"username": "u", "password": "hunter2"}, "sequence": 4})
    assert "hunter2" not in repr(order)
    assert order.sequence == 4
    assert parse_deploy({**ORDER, "revision": "0" * 40 + "-dirty-01234567"}).sequence is None


def test_an_order_may_tell_what_the_image_knows_of_migrations() -> None:
    assert parse_deploy(ORDER).migrations is None
    assert parse_deploy({**ORDER, "migrations": []}).migrations == ()
    assert parse_deploy({**ORDER, "migrations": ["shop.0001_initial"]}).migrations == ("shop.0001_initial",)


@pytest.mark.parametrize("to", [True, "2", -1, 1.5])
def test_a_rollback_goes_to_a_number(to: Any) -> None:
    with pytest.raises(BadRequest):
        parse_rollback({"app": "shop", "environment": "production", "to": to})


def test_an_error_keeps_its_details_on_the_wire() -> None:
    error = AgentError("unhealthy", "it is not", state="release 1 goes on serving", hint="look", http_status=500)
    assert error.as_json() == {
        "code": "unhealthy",
        "message": "it is not",
        "state": "release 1 goes on serving",
        "hint": "look",
        "exit": 1,
        "details": {"http_status": 500},
    }
