"""An app's named volumes: made with labels before anything mounts them, owned once, found by name without them."""

from __future__ import annotations

from typing import Any

import pytest

from ferryman_agent.engine import Workload
from ferryman_agent.host import Host
from ferryman_agent.testing import FakeMachine, carry_out, manifest
from ferryman_agent.transaction.orders import RemoveOrder

APP = "shop.production"
MEDIA = f"ferryman.{APP}.volume.media"


def content(**changed: Any) -> dict[str, Any]:
    found = manifest(volumes={"media": "/media"}, **changed)
    found["roles"]["web"]["command"] = ["gunicorn"]
    return found


def steps(server: Host, deployment: str) -> dict[str, tuple[str, str]]:
    events = [event for event in server.ledger.events(deployment) if event["kind"] == "step"]
    return {event["step"]: (event["state"], event["detail"]) for event in events}


def test_they_are_made_and_labelled_before_the_migrations(machine: FakeMachine, server: Host) -> None:
    done = carry_out(server, machine.order("two", content()), "two")
    assert steps(server, done.id)["volumes"] == ("done", f"made {MEDIA}")
    assert machine.docker.volumes({"ferryman.app": APP, "ferryman.role": "volume"}) == [MEDIA]


@pytest.fixture
def made(machine: FakeMachine, server: Host) -> list[Workload]:
    """What is made from now on; `server` has made its release already."""
    found: list[Workload] = []
    create = machine.docker.create

    def seen(name: str, workload: Workload) -> str:
        found.append(workload)
        return create(name, workload)

    machine.docker.create = seen  # type: ignore[method-assign]
    return found


def test_an_image_without_a_command_can_be_asked_whose_they_are(
    machine: FakeMachine, server: Host, made: list[Workload]
) -> None:
    """The engine creates no container of such an image without one."""
    carry_out(server, machine.order("two", content(database=None)), "two")
    assert [workload.command for workload in made] == [("gunicorn",), ("gunicorn",)]


def test_volumes_that_are_in_use_are_left_alone_and_no_container_is_made_for_them(
    machine: FakeMachine, server: Host, made: list[Workload]
) -> None:
    carry_out(server, machine.order("two", content(database=None)), "two")
    (machine.docker.volume_folder(MEDIA) / "upload.png").touch()
    made.clear()
    done = carry_out(server, machine.order("three", content(database=None)), "three")
    assert steps(server, done.id)["volumes"] == ("skipped", "the volumes are there")
    assert [workload.labels["ferryman.role"] for workload in made] == ["web"]


def test_one_without_labels_goes_with_the_data(machine: FakeMachine, server: Host) -> None:
    machine.docker.ensure_volume(MEDIA, {})
    carry_out(server, machine.order("two", content()), "two")
    assert machine.docker.volumes({"ferryman.app": APP, "ferryman.role": "volume"}) == []
    removed = RemoveOrder(APP, with_data=True)
    with pytest.raises(LookupError):  # the app is gone, and its deployments with it
        carry_out(server, removed, "away")
    assert machine.docker.volumes({}, prefix=f"ferryman.{APP}.") == []
