"""What the Docker Engine is told and what it answers, in its JSON, against the port's words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.engine import (
    Endpoint,
    Facts,
    Happened,
    HealthCommand,
    Image,
    ImageUsage,
    Inspected,
    Keep,
    Limits,
    Observed,
    State,
    Subnet,
    Workload,
)
from ferryman_agent.engine.docker import reading
from ferryman_agent.engine.docker.specification import (
    endpoint_json,
    network_json,
    policy_json,
    stop_seconds,
    workload_json,
)

FENCES = {
    "RestartPolicy": {"Name": "no"},
    "CapDrop": ["ALL"],
    "SecurityOpt": ["no-new-privileges"],
    "ReadonlyRootfs": False,
    "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}},
    "Init": False,
}


# -- told


def test_a_workload_has_no_privilege_that_it_does_not_ask_for() -> None:
    assert workload_json(Workload("acme/shop", {}, None)) == {
        "Image": "acme/shop",
        "StopTimeout": 10,
        "HostConfig": {"NetworkMode": "host", **FENCES},
    }


EVERYTHING = Workload(
    image="acme/shop",
    labels={"ferryman.app": "shop"},
    endpoint=Endpoint("net", "10.213.7.10", "web"),
    environment=("A=1",),
    command=("serve", "--fast"),
    user="0:0",
    limits=Limits(memory=256 << 20, cpus=0.5, pids=128, shared_memory=128 << 20, open_files=16384),
    capabilities=("CHOWN",),
    is_read_only=True,
    tmpfs={"/tmp": 64 << 20},
    volumes={"media": "/app/media"},
    folders={"/var/lib/edge": "/etc/edge"},
    published={8000: 9000},
    health=HealthCommand(("ping",), interval=10, first=60),
    stop_grace=0.4,
    keep=Keep.UP,
)


def test_everything_that_a_workload_asks_for_is_told() -> None:
    assert workload_json(EVERYTHING) == {
        "Image": "acme/shop",
        "User": "0:0",
        "Env": ["A=1"],
        "Cmd": ["serve", "--fast"],
        "Labels": {"ferryman.app": "shop"},
        "StopTimeout": 1,
        "ExposedPorts": {"9000/tcp": {}},
        "Healthcheck": {
            "Test": ["CMD", "ping"],
            "Interval": 10_000_000_000,
            "Timeout": 10_000_000_000,
            "Retries": 3,
            "StartPeriod": 60_000_000_000,
            "StartInterval": 500_000_000,
        },
        "HostConfig": {
            **FENCES,
            "NetworkMode": "net",
            "RestartPolicy": {"Name": "unless-stopped"},
            "Memory": 256 << 20,
            "MemorySwap": 256 << 20,
            "NanoCpus": 500_000_000,
            "PidsLimit": 128,
            "ShmSize": 128 << 20,
            "Ulimits": [{"Name": "nofile", "Soft": 16384, "Hard": 16384}],
            "CapAdd": ["CHOWN"],
            "ReadonlyRootfs": True,
            "Tmpfs": {"/tmp": "rw,noexec,nosuid,nodev,size=67108864,mode=1777"},
            "Mounts": [
                {"Type": "volume", "Source": "media", "Target": "/app/media"},
                {"Type": "bind", "Source": "/var/lib/edge", "Target": "/etc/edge"},
            ],
            "PortBindings": {"9000/tcp": [{"HostPort": "8000"}]},
        },
        "NetworkingConfig": {
            "EndpointsConfig": {"net": {"IPAMConfig": {"IPv4Address": "10.213.7.10"}, "Aliases": ["web"]}}
        },
    }


def test_an_endpoint_without_address_and_alias_leaves_both_to_the_engine() -> None:
    assert endpoint_json(Endpoint("net", None, "")) == {}


@pytest.mark.parametrize(("grace", "seconds"), [(0.0, 1), (0.4, 1), (1.6, 2), (10.0, 10), (61.0, 61)])
def test_a_grace_is_whole_seconds_from_1_on(grace: float, seconds: int) -> None:
    assert stop_seconds(grace) == seconds


def test_a_network_is_a_bridge_with_its_own_subnet() -> None:
    assert network_json("net", Subnet("10.213.7.0/24", "10.213.7.128/25"), {"a": "b"}) == {
        "Name": "net",
        "Driver": "bridge",
        "Labels": {"a": "b"},
        "IPAM": {"Config": [{"Subnet": "10.213.7.0/24", "IPRange": "10.213.7.128/25"}]},
    }


@pytest.mark.parametrize("keep", list(Keep))
def test_what_the_engine_is_to_keep_up_is_read_as_it_was_told(keep: Keep) -> None:
    told = policy_json(keep)
    assert reading.inspected({**INSPECTED, "HostConfig": told}).keep is keep


# -- answered

LISTED: dict[str, Any] = {
    "Id": "f00",
    "Names": ["/ferryman.shop.web.4"],
    "Labels": {"ferryman.app": "shop", "ferryman.role": "web", "ferryman.release": "4"},
    "State": "running",
    "Ports": [{"PrivatePort": 9000, "PublicPort": 8000, "Type": "tcp"}, {"PrivatePort": 9000, "Type": "tcp"}],
    "NetworkSettings": {"Networks": {"net": {"IPAddress": "10.213.7.10"}}},
}
INSPECTED: dict[str, Any] = {
    "Id": "f00",
    "Name": "/ferryman.shop.web.4",
    "Config": {"Labels": {"ferryman.app": "shop"}, "Image": "acme/shop", "User": "app", "StopTimeout": 10},
    "HostConfig": {"RestartPolicy": {"Name": "always"}},
    "State": {
        "Status": "exited",
        "Running": False,
        "ExitCode": 137,
        "OOMKilled": True,
        "StartedAt": "2026-11-23T08:00:00.5Z",
        "FinishedAt": "2026-11-23T09:00:00.5Z",
        "Health": {"Status": "unhealthy"},
    },
    "RestartCount": 2,
    "NetworkSettings": {
        "Ports": {"9000/tcp": [{"HostIp": "", "HostPort": "8000"}], "9001/tcp": None},
        "Networks": {"net": {"IPAMConfig": {"IPv4Address": "10.213.7.10"}, "IPAddress": ""}},
    },
}


def test_a_listed_container_is_observed() -> None:
    found = reading.observed(LISTED)
    addresses, published = {"net": "10.213.7.10"}, frozenset({8000})
    assert found == Observed("f00", "ferryman.shop.web.4", LISTED["Labels"], State.RUNNING, addresses, published)
    assert (found.app, found.role, found.release, found.is_accessory, found.is_scheduled) == (
        "shop",
        "web",
        4,
        False,
        False,
    )


def test_a_listed_container_may_have_neither_label_nor_port_nor_network() -> None:
    found = reading.observed({**LISTED, "Labels": None, "Ports": None, "NetworkSettings": {"Networks": None}})
    assert (found.labels, found.published, found.addresses) == ({}, frozenset(), {})
    assert (found.app, found.role, found.release) == ("", "", None)


def test_an_inspected_container_is_shown_with_all_that_became_of_it() -> None:
    assert reading.inspected(INSPECTED) == Inspected(
        id="f00",
        name="ferryman.shop.web.4",
        labels={"ferryman.app": "shop"},
        state=State.EXITED,
        addresses={"net": "10.213.7.10"},
        published=frozenset({8000}),
        image="acme/shop",
        user="app",
        exit_code=137,
        is_out_of_memory=True,
        restarts=2,
        health="unhealthy",
        stop_grace=10,
        keep=Keep.RETURNING,
        started_at="2026-11-23T08:00:00.5Z",
        finished_at="2026-11-23T09:00:00.5Z",
    )
    assert reading.inspected({**INSPECTED, "State": {**INSPECTED["State"], "Pid": 4711}}).pid == 4711


def test_what_never_ran_has_no_times_no_health_and_no_grace_of_its_own() -> None:
    zero = "0001-01-01T00:00:00Z"
    state = {"Status": "created", "ExitCode": 0, "StartedAt": zero, "FinishedAt": zero, "Health": {"Status": "none"}}
    config = {"Labels": None, "Image": "acme/shop"}
    settings = {"Networks": {"net": {"IPAMConfig": None, "IPAddress": ""}}}
    found = reading.inspected({**INSPECTED, "State": state, "Config": config, "NetworkSettings": settings})
    assert (found.started_at, found.finished_at, found.health, found.stop_grace) == ("", "", None, None)
    assert (found.state, found.user, found.labels, found.addresses) == (State.CREATED, "", {}, {"net": ""})


@pytest.mark.parametrize(
    ("state", "is_running", "is_up"),
    [
        ("created", False, False),
        ("running", True, True),
        ("paused", True, True),
        ("restarting", False, True),
        ("removing", False, False),
        ("exited", False, False),
        ("dead", False, False),
    ],
)
def test_a_process_that_runs_and_a_container_that_is_up_are_two_things(
    state: str, is_running: bool, is_up: bool
) -> None:
    found = reading.observed({**LISTED, "State": state})
    assert (found.is_running, found.is_up, str(found.state)) == (is_running, is_up, state)


def test_an_image_is_read_as_it_is_listed_and_as_it_is_inspected() -> None:
    names = {"RepoDigests": ["acme/shop@sha256:1"], "RepoTags": ["acme/shop:latest"]}
    digests, tags = ("acme/shop@sha256:1",), ("acme/shop:latest",)
    listed = {"Id": "sha256:1", "Size": 5, "Labels": {"a": "b"}, **names}
    assert reading.image_of(listed) == Image("sha256:1", 5, "", "", {"a": "b"}, digests, tags)
    config = {"User": "app", "Labels": {"a": "b"}}
    inspected = {"Id": "sha256:1", "Size": 5, "Architecture": "amd64", "Config": config, **names}
    assert reading.image_of(inspected) == Image("sha256:1", 5, "amd64", "app", {"a": "b"}, digests, tags)


@pytest.mark.parametrize("names", [{}, {"RepoTags": None}, {"RepoTags": ["<none>:<none>"], "RepoDigests": []}])
def test_an_image_may_have_no_name(names: dict[str, Any]) -> None:
    found = reading.image_of({"Id": "sha256:1", "Size": 5, "Config": None, **names})
    assert (found.digests, found.tags, found.labels) == ((), (), {})


def test_the_usage_of_images_is_not_known_when_the_engine_does_not_tell_it() -> None:
    images = [{"Id": "a", "Size": 5, "SharedSize": 2}, {"Id": "b", "Size": 7, "SharedSize": -1}]
    assert reading.usage_of({"LayersSize": 9, "Images": images}) == ImageUsage(9, {"a": (5, 2), "b": (7, -1)})
    assert reading.usage_of({"LayersSize": 0, "Images": None}) == ImageUsage(0, {})
    assert reading.usage_of({}) is None


@pytest.mark.parametrize(
    ("parts", "subnets"),
    [
        (None, []),
        ([{"Subnet": "10.213.7.0/24", "IPRange": "10.213.7.128/25"}], [Subnet("10.213.7.0/24", "10.213.7.128/25")]),
        ([{"Subnet": "172.17.0.0/16"}], [Subnet("172.17.0.0/16", "")]),
    ],
)
def test_a_network_tells_its_subnets(parts: Any, subnets: list[Subnet]) -> None:
    assert reading.subnets_of({"IPAM": {"Config": parts}}) == subnets


@pytest.mark.parametrize(
    ("statistics", "used"),
    [
        ({"memory_stats": {"usage": 100, "stats": {"inactive_file": 30}}}, 70),
        ({"memory_stats": {"usage": 100, "stats": {"total_inactive_file": 20}}}, 80),
        ({"memory_stats": {"usage": 100}}, 100),
        ({"memory_stats": {}}, None),
        ({}, None),
    ],
)
def test_memory_is_what_the_kernel_can_not_drop(statistics: dict[str, Any], used: int | None) -> None:
    assert reading.memory_of(statistics) == used


def test_the_engine_tells_of_itself_and_of_what_happens() -> None:
    version = {"Version": "26.1.5", "ApiVersion": "1.45", "Arch": "amd64", "Os": "linux"}
    assert reading.facts_of(version, Path("/docker")) == Facts("26.1.5", "amd64", Path("/docker"))
    event = {"Type": "network", "Action": "disconnect", "Actor": {"ID": "f00", "Attributes": {"name": "net"}}}
    assert reading.happened(event) == Happened("network", "disconnect", "net")
    assert reading.happened({**event, "Actor": {"Attributes": {}}}) == Happened("network", "disconnect", "")
