"""The manifest as the server checks it: whatever a client sends, a fault names its key."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest

from ferryman_agent.errors import BadRequest
from ferryman_agent.manifest import parse_manifest
from ferryman_agent.testing import manifest

SCHEDULE: dict[str, Any] = {"cron": "@daily", "command": ["sweep"], "time_limit": 60, "stop_grace": 1}
ACCESSORY: dict[str, Any] = {
    "image": "redis:7",
    "command": [],
    "health": ["redis-cli", "ping"],
    "stop_grace": 10,
    "env": {"values": {"A": "1"}, "secrets": ["PASSWORD"]},
    "volumes": {"data": "/data"},
    "resources": {"memory": 64 << 20, "cpus": 0.5, "pids": 64},
}
BAD: list[tuple[str, Any]] = [
    ("app", "Shop"),
    ("app", "../etc"),
    ("app", "x" * 32),
    ("app", None),
    ("environment", ""),
    ("environment", "pro.duction"),
    ("domain", "shop_example"),
    ("domain", "a.example\nbind :22"),
    ("domain", "-a.example"),
    ("domain", 5),
    ("domain", ""),
    ("domain", False),
    ("host", "a\0b"),
    ("image", "a/../../b"),
    ("image", "a//b"),
    ("image", "a:tag"),
    ("roles.migrate", {"command": [], "stop_grace": 1, "overlap": False}),
    ("roles.postgres", {"command": [], "stop_grace": 1, "overlap": False}),
    ("host", None),
    ("image", "acme/shop@sha256:0"),
    ("image", "Acme"),
    ("roles", {}),
    ("roles", []),
    ("roles.web", "x"),
    ("roles.Worker", {"command": [], "stop_grace": 1, "overlap": False}),
    ("roles.worker.command", "run"),
    ("roles.worker.overlap", None),
    ("roles.worker.stop_grace", "3s"),
    ("roles.web.command", ["a\0b"]),
    ("roles.web.command", [1]),
    ("roles.web.port", 0),
    ("roles.web.port", 65536),
    ("roles.web.port", 80.5),
    ("roles.web.port", True),
    ("roles.web.port", "80"),
    ("roles.web.health", "health"),
    ("roles.web.health", "/a b"),
    ("roles.web.health", "/a\r\nHost: b"),
    ("roles.web.health_timeout", 0),
    ("roles.web.health_timeout", math.nan),
    ("roles.web.drain_timeout", -1),
    ("roles.web.stop_grace", math.inf),
    ("roles.web.stop_grace", None),
    ("resources", None),
    ("resources.memory", 1),
    ("resources.memory", 300e6),
    ("resources.cpus", 0),
    ("resources.cpus", False),
    ("resources.pids", 0),
    ("read_only", "yes"),
    ("tmpfs", "/tmp"),
    ("tmpfs", ["tmp"]),
    ("tmpfs", ["/"]),
    ("tmpfs", ["/a/../.."]),
    ("tmpfs", {"tmp": 1 << 20}),
    ("tmpfs", {"/tmp:exec": 1 << 20}),
    ("tmpfs./tmp", "64m"),
    ("tmpfs./tmp", 1000),
    ("tmpfs./tmp", 1.5),
    ("tmpfs", {"/tmp": 256 << 20}),
    ("tmpfs", {"/tmp": 200 << 20, "/run": 100 << 20}),
    ("volumes", []),
    ("volumes", {"Media": "/a"}),
    ("volumes.media", "relative"),
    ("volumes.media", "/a:/b"),
    ("volumes.media", "/"),
    ("env.required", "A"),
    ("env.required", ["A-B"]),
    ("env.values", {"A=B": "x"}),
    ("env.values.A", 1),
    ("env.values.A", "a\0b"),
    ("env.secret_key", "A-B"),
    ("env.secret_key", None),
    ("database.variables", ["DB_HOST"]),
    ("database.variables", {"DB-HOST": "host"}),
    ("database.variables.DB_HOST", "hostname"),
    ("database.variables.DB_HOST", 5),
    ("database.version", 11),
    ("database.version", 17.5),
    ("database.migrate", "migrate"),
    ("database.migrate_timeout", 0),
    ("schedules", []),
    ("schedules.sweep", None),
    ("schedules.sweep.cron", "* * * *"),
    ("schedules.sweep.cron", 5),
    ("schedules.sweep.command", []),
    ("schedules.sweep.time_limit", 0),
    ("schedules.sweep.stop_grace", "1s"),
    ("schedules", {"worker": SCHEDULE}),
    ("schedules", {"web": SCHEDULE}),
    ("schedules", {"migrate": SCHEDULE}),
    ("schedules", {"a/b": SCHEDULE}),
    ("accessories.redis", "redis:7"),
    ("accessories.redis.image", "redis"),
    ("accessories.redis.image", "redis:7 --privileged"),
    ("accessories.redis.image", "redis@sha256:12"),
    ("accessories.redis.health", "redis-cli ping"),
    ("accessories.redis.volumes", {"Data": "/data"}),
    ("accessories.redis.volumes.data", "/"),
    ("accessories.redis.env.secrets", ["A=B"]),
    ("accessories.redis.env.values.A", 1),
    ("accessories.redis.resources.memory", 1),
    ("accessories.redis.stop_grace", -1),
    ("accessories", {"sweep": ACCESSORY}),
    ("accessories", {"worker": ACCESSORY}),
    ("accessories", {"postgres": ACCESSORY}),
    ("retain", 0),
    ("retain", 51),
    ("retain", 1.5),
]


def changed(path: str, value: Any) -> dict[str, Any]:
    content = copy.deepcopy(manifest(volumes={"media": "/app/media"}))
    content["roles"]["worker"] = {"command": [], "stop_grace": 1, "overlap": False}
    content["schedules"]["sweep"] = copy.deepcopy(SCHEDULE)
    content["accessories"]["redis"] = copy.deepcopy(ACCESSORY)
    content["database"]["variables"] = {}
    content["tmpfs"] = {"/tmp": 1 << 20}
    *parents, key = path.split(".")
    place = content
    for parent in parents:
        place = place[parent]
    place[key] = value
    return content


@pytest.mark.parametrize(("path", "value"), BAD, ids=[f"{path}={value!r}"[:60] for path, value in BAD])
def test_a_bad_key_is_named(path: str, value: Any) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_manifest(changed(path, value))
    assert caught.value.code == "bad-manifest"
    named = caught.value.message.removeprefix("manifest: ").partition(": ")[0]
    assert path.startswith(named)
    assert named.split(".")[0] == path.split(".", maxsplit=1)[0]
    assert caught.value.exit_status == 2


@pytest.mark.parametrize("content", [None, [], "x", 5, {}])
def test_what_is_no_manifest_is_refused(content: Any) -> None:
    with pytest.raises(BadRequest):
        parse_manifest(content)


def test_a_manifest_is_read_into_its_units() -> None:
    content = manifest(domain="shop.example.com", volumes={"media": "/app/media"})
    content["roles"]["worker"] = {"command": ["work"], "stop_grace": 3, "overlap": True}
    content["env"] = {"required": ["TOKEN"], "values": {"A": "1"}}
    found = parse_manifest(content)
    assert (found.app_id, found.host_header) == ("shop.production", "shop.example.com")
    assert (found.web.port, found.web.health, found.web.health_timeout) == (8000, "/health", 20.0)
    assert (found.roles["worker"].command, found.roles["worker"].overlap) == (("work",), True)
    assert (found.memory, found.cpus, found.pids, found.retain) == (256 << 20, 1.0, 128, 5)
    assert (found.volumes, found.required, found.values) == ({"media": "/app/media"}, ("TOKEN",), {"A": "1"})
    assert found.database is not None
    assert (found.database.version, found.database.migrate_timeout) == (17, 60.0)
    assert found.content == content


def test_folders_in_memory_have_64_mib_unless_their_sizes_are_told() -> None:
    assert parse_manifest(manifest(tmpfs=["/tmp", "/run"])).tmpfs == {"/tmp": 64 << 20, "/run": 64 << 20}
    assert parse_manifest(manifest(tmpfs={"/tmp": 200 << 20})).tmpfs == {"/tmp": 200 << 20}


def test_schedules_and_accessories_are_read_too() -> None:
    found = parse_manifest(changed("retain", 5))
    sweep, redis = found.schedules["sweep"], found.accessories["redis"]
    assert (sweep.expression, sweep.command, sweep.time_limit, sweep.stop_grace) == ("@daily", ("sweep",), 60.0, 1.0)
    assert (redis.image, redis.health, redis.secrets) == ("redis:7", ("redis-cli", "ping"), ("PASSWORD",))
    assert (redis.volumes, redis.resources.memory, redis.content) == ({"data": "/data"}, 64 << 20, ACCESSORY)


def test_a_release_of_before_schedules_and_accessories_is_read() -> None:
    content = manifest()
    del content["schedules"], content["accessories"]
    found = parse_manifest(content)
    assert (found.schedules, found.accessories) == ({}, {})


def test_a_release_of_before_names_of_the_apps_own_is_read() -> None:
    found = parse_manifest(manifest())
    assert found.database is not None
    assert (found.database.variables, found.secret_key) == ({}, "SECRET_KEY")


@pytest.mark.parametrize(
    ("values", "secret_key", "variables", "named"),
    [
        ({"DB_HOST": "x"}, "SECRET_KEY", {"DB_HOST": "host"}, "database.variables: DB_HOST"),
        ({}, "KEY", {"KEY": "password"}, "database.variables: KEY"),
        ({"KEY": "x"}, "KEY", {}, "env.secret_key: KEY"),
    ],
)
def test_a_name_with_two_values_is_refused(
    values: dict[str, str], secret_key: str, variables: dict[str, str], named: str
) -> None:
    content = manifest(env={"required": [], "values": values, "secret_key": secret_key})
    content["database"]["variables"] = variables
    with pytest.raises(BadRequest) as caught:
        parse_manifest(content)
    assert named in caught.value.message


def test_without_a_domain_health_checks_go_to_localhost() -> None:
    found = parse_manifest(manifest(domain=None, database=None))
    assert (found.host_header, found.database) == ("localhost", None)
