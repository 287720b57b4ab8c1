"""The parts of the rehearsal that need no engine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ferryman.errors import UsageError
from ferryman.rehearsal import ports
from ferryman.rehearsal.docker import Docker, DockerError
from ferryman.rehearsal.machine.capabilities import grantable_capabilities
from ferryman.rehearsal.polling import RehearsalFailed, turn, wait_until
from ferryman.rehearsal.stand_ins import POSTGRES, Images, Origin, has_stand_in
from ferryman.rehearsal.stand_ins import images as stand_ins
from ferryman.rehearsal.state import GroundState, RegistryState, StateFile


@pytest.mark.parametrize(
    ("bounding_set", "count", "missing"),
    [
        ("000001ffffffffff", 37, {"SYS_TIME"}),
        ("000001fffeffffff", 36, {"SYS_TIME", "SYS_RESOURCE"}),
        ("00000000a80425fb", 14, {"SYS_ADMIN", "SYS_RESOURCE", "NET_ADMIN"}),
    ],
)
def test_only_capabilities_of_the_bounding_set_are_asked_for_and_never_the_clock(
    tmp_path: Path, bounding_set: str, count: int, missing: set[str]
) -> None:
    status = tmp_path / "status"
    status.write_text(f"Name:\tpython\nCapEff:\t0000000000000000\nCapBnd:\t{bounding_set}\n")
    names = grantable_capabilities(status)
    assert len(names) == count
    assert not missing & set(names)


def test_a_failed_docker_command_tells_its_status_and_output() -> None:
    docker = Docker(["sh", "-c", "echo some words; echo no such thing >&2; exit 3", "docker"])
    with pytest.raises(DockerError, match="no such thing") as caught:
        docker.run(["image", "inspect", "x"])
    assert (caught.value.returncode, caught.value.output) == (3, "some words\nno such thing\n")
    assert not docker.succeeds(["anything"])


def engine(tmp_path: Path, *, label: str | None, pull: bool) -> Docker:
    """A docker command that knows one image, with this stand-in label (None: no image), and pulls or does not."""
    inspect = "exit 1" if label is None else f"echo '{label}'"
    script = f'case $1 in image) {inspect} ;; pull) echo "$@" >> {tmp_path}/pulled; exit {int(not pull)} ;; esac'
    return Docker(["sh", "-c", script, "docker"])


@pytest.mark.parametrize(
    ("label", "hub", "pulled"), [("", True, False), ("", False, False), (None, True, True), ("true", True, True)]
)
def test_the_real_image_is_used_where_it_is_there_or_can_be_pulled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str | None, hub: bool, pulled: bool
) -> None:
    monkeypatch.setattr(stand_ins, "hub_is_reachable", lambda _: hub)
    images = Images(lambda _: None, engine(tmp_path, label=label, pull=True))
    assert images.ensure(POSTGRES) is Origin.REAL
    assert (tmp_path / "pulled").exists() is pulled


def test_the_stand_ins_that_are_here_are_found_with_one_question(tmp_path: Path) -> None:
    script = (
        f'echo "$@" >> {tmp_path}/asked; echo {POSTGRES}; echo redis:7-alpine; echo acme/redis:7; echo "<none>:<none>"'
    )
    images = Images(lambda _: None, Docker(["sh", "-c", script, "docker"]))
    assert images.present_stand_ins() == {POSTGRES, "redis:7-alpine"}
    assert len((tmp_path / "asked").read_text().splitlines()) == 1


@pytest.mark.parametrize("hub", [True, False])
def test_an_image_that_nothing_stands_in_for_is_named_with_those_that_have_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: bool
) -> None:
    monkeypatch.setattr(stand_ins, "hub_is_reachable", lambda _: hub)
    images = Images(lambda _: None, engine(tmp_path, label=None, pull=False))
    with pytest.raises(UsageError, match="nginx:1") as caught:
        images.ensure("nginx:1")
    assert caught.value.code == "image-unreachable"
    assert POSTGRES in caught.value.hint
    assert "redis" in caught.value.hint


ACCESSORIES = {
    "redis:7": True, "redis:7.4-alpine": True, "memcached:1.6": True, "rabbitmq:4-management": True,
    "redis": False, "acme/redis:7": False, f"redis@sha256:{'0' * 64}": False, f"redis:7@sha256:{'0' * 64}": False,
}  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), ACCESSORIES.items())
def test_an_accessory_has_a_stand_in_whatever_its_tag_but_not_for_a_digest(name: str, expected: bool) -> None:
    assert has_stand_in(name) is expected


def test_state_is_read_back_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    file = StateFile(tmp_path)
    assert file.load() is None
    state = GroundState(name="shop-1", registry=RegistryState(container="r", network="n", alias="registry", port=20001))
    file.save(state)
    assert file.load() == state
    assert file.path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "{", '{"name": "shop", "unknown": 1}'])
def test_state_that_another_version_wrote_counts_as_none(tmp_path: Path, content: str) -> None:
    file = StateFile(tmp_path)
    file.save(GroundState(name="shop"))
    file.path.write_text(content)
    assert file.load() is None


def test_waiting_ends_at_its_limit_and_says_for_what() -> None:
    with pytest.raises(RehearsalFailed, match="the moon is up: not so after 0 s"):
        wait_until(lambda: False, "the moon is up", seconds=0.05, pause=0.01)


def test_no_two_get_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    first = ports.free_port()
    monkeypatch.setattr(ports, "_FIRST", first)
    monkeypatch.setattr(ports, "_COUNT", 1)
    with pytest.raises(OSError, match="no free port"):
        ports.free_port()
    asked = f"from ferryman.rehearsal import ports; ports._FIRST, ports._COUNT = {first}, 1; ports.free_port()"
    other = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    assert "no free port" in other.stderr


def test_a_turn_is_waited_for_and_ends_with_its_process(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    held = (
        "import sys; from pathlib import Path; from ferryman.rehearsal.polling import turn\n"
        f"with turn(Path({str(lock)!r})): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen([sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as first:
        assert first.stdout
        assert first.stdout.readline() == b"held\n"
        with subprocess.Popen([sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as second:
            with pytest.raises(subprocess.TimeoutExpired):
                second.wait(0.5)
            first.kill()
            second.communicate()
            assert second.returncode == 0
    with turn(lock):
        pass
