"""What the agent asks of the Docker Engine's socket, and what it makes of the answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from engine_stand_in import EngineStandIn

from ferryman_agent.engine import Docker, Endpoint, EngineError, Facts, Happened, Keep, Subnet, Workload

SUBNET = Subnet("10.213.7.0/24", "10.213.7.128/25")
CREATED = {
    "Driver": "bridge",
    "Labels": {},
    "IPAM": {"Config": [{"Subnet": SUBNET.addresses, "IPRange": SUBNET.chosen_from}]},
}
EVENTS = {"type": ["container", "network"], "event": ["die", "destroy", "disconnect", "pause"]}


@pytest.fixture
def engine(folder: Path) -> Iterator[EngineStandIn]:
    made = EngineStandIn(folder / "docker.sock")
    made.answers["GET /version"] = (200, {"Version": "26.1.5", "ApiVersion": "1.45", "Arch": "amd64"})
    yield made
    made.close()


@pytest.fixture
def docker(engine: EngineStandIn, folder: Path) -> Docker:
    return Docker(str(folder / "docker.sock"))


def requests(engine: EngineStandIn) -> list[str]:
    return [request for request, _ in engine.heard if request != "GET /version"]


def query(**filters: list[str]) -> str:
    return json.dumps(filters).replace(" ", "+")


def test_what_the_engine_refuses_is_an_error_of_the_agent_with_its_own_words(
    engine: EngineStandIn, docker: Docker
) -> None:
    engine.answers["POST /containers/x/start"] = (500, {"message": "port is already allocated"})
    with pytest.raises(EngineError) as caught:
        docker.start("x")
    assert caught.value.as_json()["code"] == "engine-error"
    assert caught.value.message == "the Docker Engine refused: port is already allocated"
    assert (caught.value.reason, caught.value.status, caught.value.is_missing) == (
        "port is already allocated",
        500,
        False,
    )


def test_what_is_not_there_is_none(docker: Docker) -> None:
    assert (docker.workload("x"), docker.image("x"), docker.subnet("x")) == (None, None, None)
    docker.remove("x")
    docker.remove_volume("x")
    docker.remove_network("x")
    assert docker.remove_image("x") is False


def test_the_folder_of_its_files_is_asked_for_once_until_the_engine_breaks_off(
    engine: EngineStandIn, docker: Docker
) -> None:
    engine.answers["GET /info"] = (200, {"DockerRootDir": "/docker"})
    assert docker.facts() == docker.facts() == Facts("26.1.5", "amd64", Path("/docker"))
    assert requests(engine) == ["GET /info"]
    events = f"GET /events?filters={json.dumps(EVENTS).replace(' ', '+')}"
    engine.answers[events] = (200, {"Type": "network", "Action": "destroy", "Actor": {"Attributes": {"name": "net"}}})
    assert list(docker.happenings()) == [Happened(), Happened("network", "destroy", "net")]
    engine.answers["GET /info"] = (200, {"DockerRootDir": "/elsewhere"})
    assert docker.facts().folder == Path("/elsewhere")


def test_volumes_are_found_by_labels_and_by_the_beginning_of_their_names(engine: EngineStandIn, docker: Docker) -> None:
    labelled, named = query(label=["app=shop"]), query(name=["shop."])
    engine.answers[f"GET /volumes?filters={labelled}"] = (200, {"Volumes": [{"Name": "shop.media"}, {"Name": "data"}]})
    engine.answers[f"GET /volumes?filters={named}"] = (
        200,
        {"Volumes": [{"Name": "shop.media"}, {"Name": "my.shop.x"}]},
    )
    assert docker.volumes({"app": "shop"}) == ["data", "shop.media"]
    engine.answers[f"GET /volumes?filters={labelled}"] = (200, {"Volumes": None})
    assert docker.volumes({"app": "shop"}, "shop.") == ["shop.media"]


def test_a_network_with_its_subnet_stays(engine: EngineStandIn, docker: Docker) -> None:
    engine.answers["GET /networks/net"] = (
        200,
        {"IPAM": {"Config": [{"Subnet": "fd00::/64"}, {"Subnet": SUBNET.addresses}]}},
    )
    docker.ensure_network("net", SUBNET, {})
    assert requests(engine) == ["GET /networks/net"]


def test_a_network_with_another_subnet_is_replaced_whoever_is_on_it(engine: EngineStandIn, docker: Docker) -> None:
    found = {"IPAM": {"Config": [{"Subnet": "172.18.0.0/16"}]}, "Containers": {"f00": {}}}
    engine.answers["GET /networks/net"] = (200, found)
    engine.answers["POST /networks/net/disconnect"] = engine.answers["DELETE /networks/net"] = (200, None)
    engine.answers["POST /networks/create"] = (201, {"Id": "n"})
    docker.ensure_network("net", SUBNET, {"a": "b"})
    assert engine.asked("POST /networks/net/disconnect") == [{"Container": "f00", "Force": True}]
    assert engine.asked("POST /networks/create") == [{"Name": "net", **CREATED, "Labels": {"a": "b"}}]
    assert requests(engine).index("DELETE /networks/net") < requests(engine).index("POST /networks/create")


def test_a_workload_is_put_on_a_network_that_it_may_be_on_already(engine: EngineStandIn, docker: Docker) -> None:
    engine.answers["POST /networks/net/disconnect"] = (500, {"message": "is not connected"})
    engine.answers["POST /networks/net/connect"] = (200, None)
    docker.connect(Endpoint("net", "10.213.7.10", "web"), "f00")
    fixed = {"IPAMConfig": {"IPv4Address": "10.213.7.10"}, "Aliases": ["web"]}
    assert engine.asked("POST /networks/net/connect") == [{"Container": "f00", "EndpointConfig": fixed}]


def test_a_workload_is_created_under_its_name_and_kept_as_told(engine: EngineStandIn, docker: Docker) -> None:
    engine.answers["POST /containers/create?name=web.1"] = (201, {"Id": "f00"})
    engine.answers["POST /containers/f00/update"] = (200, {})
    assert docker.create("web.1", Workload("acme/shop", {}, None)) == "f00"
    docker.keep("f00", Keep.UP)
    assert engine.asked("POST /containers/f00/update") == [{"RestartPolicy": {"Name": "unless-stopped"}}]


def test_workloads_are_found_by_labels_of_which_the_empty_has_any_value(engine: EngineStandIn, docker: Docker) -> None:
    wanted = query(label=["ferryman.app=shop", "ferryman.schedule"])
    listed = {"Id": "f00", "Names": ["/x"], "Labels": {}, "State": "running", "NetworkSettings": {"Networks": {}}}
    engine.answers[f"GET /containers/json?all=1&filters={wanted}"] = (200, [listed])
    assert [found.name for found in docker.workloads({"ferryman.app": "shop", "ferryman.schedule": ""})] == ["x"]


def test_the_usage_of_images_is_not_known_while_another_one_measures_it(engine: EngineStandIn, docker: Docker) -> None:
    engine.answers["GET /system/df?type=image"] = (409, {"message": "a disk usage operation is already running"})
    assert docker.image_usage() is None
