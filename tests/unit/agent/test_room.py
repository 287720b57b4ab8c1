"""Room: what is measured and asked for, what is pruned for it, and what a disk without space does at any point."""

from __future__ import annotations

import contextlib
import copy
import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.engine import EngineError
from ferryman_agent.host import Host
from ferryman_agent.host.resources import Filesystem, available_memory, filesystem
from ferryman_agent.ledger import Deployment, Ledger, ReleaseState, Reserve
from ferryman_agent.ledger import reserve as reserve_module
from ferryman_agent.testing import (
    CrashPoint,
    FakeMachine,
    broken_promises,
    carry_out,
    digest,
    look_after,
    manifest,
    recover,
)
from ferryman_agent.transaction.orders import RemoveOrder, RestartOrder, RollbackOrder, StopOrder
from ferryman_agent.transaction.runs.running import RunningTransactions
from ferryman_agent.transaction.steps.room import IMAGE_INODES, INODES, MIB, needs

APP = "shop.production"
WANTED = {"disk": {"in reserve": 256 * MIB}, "inodes": {"in reserve": INODES}, "memory": {"for web": 64 * MIB}}


def error_of(deployment: Deployment) -> dict[str, Any]:
    assert deployment.error is not None
    return deployment.error


# -- what is measured


def test_the_disk_of_a_folder_that_is_out_of_sight_is_that_of_the_one_above(folder: Path) -> None:
    found = filesystem(folder / "no" / "such")
    assert (found.folder, found.device) == (str(folder), folder.stat().st_dev)
    # Others write there too.
    free = os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize
    assert found.free_bytes == pytest.approx(free, abs=64 * MIB)


def test_memory_is_what_can_be_had_without_swapping(folder: Path) -> None:
    (folder / "meminfo").write_text("MemTotal: 4096 kB\nMemFree: 10 kB\nMemAvailable:    2048 kB\n")
    assert available_memory(folder / "meminfo") == 2 << 20
    assert available_memory(folder / "nothing") is None
    assert (available_memory() or 0) > MIB


def test_a_disk_of_both_is_asked_once_for_the_sum() -> None:
    one = needs(Filesystem("/e", 1, 287 * MIB, 5000), Filesystem("/s", 1, 287 * MIB, 5000), None, WANTED)
    assert [(need.resource, need.place, need.needed // MIB) for need in one if need.resource == "disk"] == [
        ("disk", "/e", 288)
    ]
    assert [need.is_met for need in one] == [False, True, True]
    two = needs(Filesystem("/e", 1, 256 * MIB, None), Filesystem("/s", 2, 32 * MIB, 999), 64 * MIB, WANTED)
    assert [(need.resource, need.place, need.is_met) for need in two] == [
        ("disk", "/e", True),
        ("disk", "/s", True),
        ("inodes", "/s", False),
        ("inodes", "/e", True),
        ("memory", "the server", True),
    ]


# -- what is refused, with nothing changed

SHORTAGES: dict[str, tuple[dict[str, Any], str, str]] = {
    "disk": (
        {"free_bytes": 400 * MIB},
        "disk-full",
        "has 400 MiB of disk free, this needs 896 MiB: 256 MiB in reserve, 600 MiB for the image,"
        " 8 MiB for the database, 32 MiB for the agent's files; 0 images removed",
    ),
    "inodes": (
        {"free_inodes": 20_000},
        "inodes-exhausted",
        f"has 20,000 of inodes free, this needs {INODES + IMAGE_INODES:,}: 1,000 in reserve,"
        " 30,000 for the image; 0 images removed",
    ),
    "memory": (
        {"free_memory": 90 * MIB},
        "memory-short",
        "the server has 90 MiB of memory free, this needs 100 MiB: 100 MiB for the new web container",
    ),
}


@pytest.mark.parametrize("case", SHORTAGES)
def test_a_deploy_is_refused_by_name_and_figures_with_nothing_changed(
    machine: FakeMachine, server: Host, case: str
) -> None:
    found, code, message = SHORTAGES[case]
    for name, amount in found.items():
        setattr(machine, name, amount)
    before = copy.deepcopy((machine.docker.by_name, machine.docker.images_here, machine.docker.networks))
    deployment = carry_out(server, machine.order("two", image_bytes=400 * MIB), "two")
    error = error_of(deployment)
    assert (deployment.state, error["code"], error["exit"]) == ("refused", code, 3)
    assert error["message"].endswith(message)
    assert error["state"] == "release 1 goes on serving; nothing was changed"
    assert error["hint"].startswith("on the server: ")
    assert (machine.docker.by_name, machine.docker.images_here, machine.docker.networks) == before
    assert [release.number for release in server.ledger.releases(APP)] == [1]


def test_a_first_deploy_that_is_refused_leaves_neither_network_nor_edge(machine: FakeMachine) -> None:
    server = machine.agent()
    machine.free_bytes = 100 * MIB
    assert error_of(carry_out(server, machine.order("one"), "one"))["code"] == "disk-full"
    assert (machine.docker.networks, machine.docker.by_name, machine.edge.is_running) == ({}, {}, False)
    assert server.ledger.releases(APP) == []


def test_an_image_that_is_here_needs_no_room(machine: FakeMachine, server: Host) -> None:
    assert carry_out(server, machine.order("two"), "two").state == "succeeded"
    machine.free_bytes, machine.free_inodes = 300 * MIB, INODES
    assert carry_out(server, RollbackOrder(APP, None, None), "back").state == "succeeded"


def test_what_the_kernel_does_not_tell_is_not_asked_for(machine: FakeMachine, server: Host) -> None:
    machine.free_inodes = machine.free_memory = None
    assert carry_out(server, machine.order("two"), "two").state == "succeeded"


def test_a_restart_needs_the_memory_of_a_second_web_container(machine: FakeMachine, server: Host) -> None:
    machine.free_memory = 90 * MIB
    assert error_of(carry_out(server, RestartOrder(APP, None), "again"))["code"] == "memory-short"
    assert broken_promises(machine, server) == []


# -- what is pruned


def test_what_no_app_retains_is_pruned_and_never_a_rollback_target_or_a_volume(
    machine: FakeMachine, server: Host
) -> None:
    shop = manifest(retain=1, volumes={"media": "/m"})
    blog = manifest(app="blog", domain="blog.example.com", retain=1)
    for word in ("two", "three"):
        assert carry_out(server, machine.order(word, shop), word).state == "succeeded"
        assert carry_out(server, machine.order(word, blog), f"blog {word}").state == "succeeded"
    for word in ("one", "four"):  # as if a deploy had been killed before it pruned
        machine.publish(word)
    server.ledger.mark_releases(APP, [1], ReleaseState.HEALTHY)
    machine.docker.images_here[f"acme/shop@{digest('one')}"] = machine.docker.registry[f"acme/shop@{digest('one')}"]
    volumes = dict(machine.docker.volume_labels)

    def freed(folder: Path) -> Filesystem:
        is_there = f"acme/shop@{digest('one')}" in machine.docker.images_here
        return Filesystem(str(folder), 1, (400 if is_there else 1400) * MIB, None)

    server.filesystem = freed
    deployed = carry_out(server, machine.order("four", shop, image_bytes=300 * MIB), "four")
    assert deployed.state == "succeeded"
    details = [event.get("detail") for event in server.ledger.events(deployed.id) if event.get("step") == "room"]
    assert details[-1] == "1,400 MiB free, 4,096 MiB of memory; 1 images removed"
    assert machine.docker.volume_labels == volumes
    assert carry_out(server, RollbackOrder(APP, None, None), "back").release == 3


def test_a_rollback_does_not_prune_the_release_that_it_goes_to(machine: FakeMachine, server: Host) -> None:
    for word in ("two", "three"):
        assert carry_out(server, machine.order(word), word).state == "succeeded"
    with sqlite3.connect(machine.folder / "ledger.db") as connection:  # retention was lowered meanwhile
        connection.execute("UPDATE release SET manifest = json_set(manifest, '$.retain', 1)")
    connection.close()
    looks = iter([100 * MIB, 100 * MIB])
    server.filesystem = lambda folder: Filesystem(str(folder), 1, next(looks, 9000 * MIB), None)
    back = carry_out(server, RollbackOrder(APP, 1, None), "back")
    assert (back.state, back.release) == ("succeeded", 1)


# -- a disk that is full later


def test_a_pull_that_finds_no_space_says_that_the_disk_is_full(machine: FakeMachine, server: Host) -> None:
    def full(*_: object) -> None:
        raise EngineError(0, "failed to register layer: write /usr/lib/x: no space left on device")

    machine.docker.pull = full  # type: ignore[method-assign, assignment]
    error = error_of(carry_out(server, machine.order("two"), "two"))
    assert (error["code"], error["exit"]) == ("disk-full", 1)
    assert "no space left on device" in error["message"]
    assert error["state"] == "release 1 goes on serving"


def test_a_failure_on_a_full_disk_names_the_disk_and_keeps_what_was_told(machine: FakeMachine, server: Host) -> None:
    machine.publish("bad", copy.deepcopy(machine.docker.registry[f"acme/shop@{digest('one')}"]))
    machine.docker.registry[f"acme/shop@{digest('bad')}"].exits = {"web": 28}
    looks = iter([9000 * MIB, 9000 * MIB])
    server.filesystem = lambda folder: Filesystem(str(folder), 1, next(looks, 0), None)
    error = error_of(carry_out(server, machine.order("bad"), "bad"))
    assert (error["code"], error["details"]["exit_code"]) == ("disk-full", 28)
    assert "is full: the new release's container exited" in error["message"]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 12 MiB."""
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", folder], check=False).returncode:
        pytest.skip("only root may mount a file system")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


class FillPoint(CrashPoint):
    """Fills the disk at the n-th passage, to the last byte."""

    def __init__(self, folder: Path, at: int | None) -> None:
        super().__init__(at)
        self.file = folder / "fill"

    def passing(self, where: str) -> None:
        self.passed.append(where)
        if len(self.passed) - 1 == self.at:
            with contextlib.suppress(OSError), self.file.open("wb", buffering=0) as file:
                while True:
                    file.write(b"x" * 4096)


def filling(machine: FakeMachine, point: FillPoint, *, has_reserve: bool) -> Host:
    reserve = Reserve(machine.folder / "ledger.reserve") if has_reserve else None
    ledger = Ledger(machine.folder / "ledger.db", machine.clock, reserve)
    return machine.host(ledger, point)


ORDERS: dict[str, Any] = {
    "deploy": None,
    "restart": RestartOrder(APP, None),
    "stop": StopOrder(APP, database=True),
    "remove": RemoveOrder(APP, with_data=False),
}


@pytest.mark.parametrize("kind", ORDERS)
@pytest.mark.parametrize("has_reserve", [True, False], ids=["with the reserve", "without it"])
def test_a_disk_that_is_full_from_any_point_on_breaks_no_promise(
    machine: FakeMachine, small: Path, kind: str, has_reserve: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reserve_module, "PLENTY_BYTES", 6 << 20)
    machine.folder = machine.docker.folder = small / "0"
    machine.folder.mkdir()
    server = machine.agent()
    assert carry_out(server, machine.order("one"), "one").state == "succeeded"
    server.ledger.close()
    outcomes = set()
    for at in range(-1, 200):
        here = copy.deepcopy(machine)
        here.folder = here.docker.folder = small / str(at + 1) / "state"
        shutil.copytree(machine.folder, here.folder)
        point = FillPoint(small, at)
        filled = filling(here, point, has_reserve=has_reserve)
        with contextlib.suppress(LookupError, sqlite3.Error):
            carry_out(filled, ORDERS[kind] or here.order("two"), "filled")
        recover(filled)  # on the full disk: it must not raise
        filled.ledger.close()
        is_filled = point.file.exists()
        point.file.unlink(missing_ok=True)
        after = here.agent()
        look_after(after, RunningTransactions(after))
        recover(after)
        assert broken_promises(here, after) == [], (at, point.passed[at])
        found = after.ledger.deployment("filled")
        outcomes.add(found.state if found else "removed" if after.ledger.removal_result("filled") else "not begun")
        last = carry_out(after, here.order("three"), "next")
        assert last.state == "succeeded", (at, last.error)
        after.ledger.close()
        shutil.rmtree(here.folder)
        if not is_filled and at >= 0:  # past the last passage
            break
    assert at > 15
    assert outcomes & {"succeeded", "removed"}
    if has_reserve:
        assert "interrupted" not in outcomes  # every outcome could be recorded at once
