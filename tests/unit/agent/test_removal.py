"""The removal of an app: what goes, what stays, what others keep, and that it can be done a second time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.containers import SUBNETS
from ferryman_agent.host import Host
from ferryman_agent.ledger import App
from ferryman_agent.testing import FakeMachine, begin, broken_promises, carry_out, conduct, digest, manifest, refuse
from ferryman_agent.transaction.keeping.reconciliation import settle
from ferryman_agent.transaction.orders import RemoveOrder, StopOrder
from ferryman_agent.transaction.steps.teardown.removal import what_goes

APP, OTHER = "shop.production", "blog.production"
DATABASE, MEDIA = f"ferryman.{APP}.postgres-17", f"ferryman.{APP}.volume.media"
AWAY, AWAY_WITH_DATA = RemoveOrder(APP, with_data=False), RemoveOrder(APP, with_data=True)


@pytest.fixture
def server(machine: FakeMachine) -> Host:
    """Two apps; the first has two releases, a worker and media, and shares the image of its second with the other."""
    made = machine.agent()
    content = manifest(volumes={"media": "/app/media"})
    content["roles"]["worker"] = {"command": ["work"], "stop_grace": 3.0, "overlap": False}
    for word in ("one", "two"):
        assert carry_out(made, machine.order(word, content), word).state == "succeeded"
    other = manifest(app="blog", domain="blog.example.com")
    assert carry_out(made, machine.order("two", other), "blog").state == "succeeded"
    return made


def app_of(server: Host, app_id: str = APP) -> App:
    app = server.ledger.app(app_id)
    assert app is not None
    return app


def remove(server: Host, order: RemoveOrder, request: str = "away") -> dict[str, Any]:
    conduct(begin(server, order, request))
    result = server.ledger.removal_result(request)
    assert result is not None
    return result


def images(machine: FakeMachine) -> set[str]:
    return {name for name in machine.docker.images_here if name.startswith("acme/")}


def test_everything_goes_but_the_data_and_what_others_use(machine: FakeMachine, server: Host, folder: Path) -> None:
    server.ledger.add_environment(APP, {"TOKEN": "t"}, "set TOKEN")
    slot = app_of(server).slot
    shown = what_goes(server, APP, with_data=False)
    result = remove(server, AWAY)
    assert (result["outcome"], result["kept"], result["volumes"]) == ("succeeded", [DATABASE, MEDIA], [])
    assert {key: result[key] for key in shown} == shown
    assert shown["containers"] == [f"ferryman.{APP}.{name}" for name in ("postgres", "web.2", "worker.2")]
    assert shown["images"] == [f"acme/shop@{digest('one')}"]
    assert (shown["releases"], shown["variables"], shown["network"]) == (2, 1, f"ferryman.{APP}")
    assert machine.docker.workloads({"ferryman.app": APP}) == []
    assert f"ferryman.{APP}" not in machine.docker.networks
    assert images(machine) == {f"acme/shop@{digest('two')}"}
    assert not (folder / "apps" / APP).exists()
    assert sorted(machine.docker.volumes({"ferryman.app": APP})) == [DATABASE, MEDIA]
    assert (server.ledger.app(APP), server.ledger.releases(APP), server.ledger.environment(APP)) == (None, [], (0, {}))
    assert (machine.edge.targets(None), machine.edge.serving_lane(slot)) == ([], None)
    assert broken_promises(machine, server) == []
    assert machine.edge.targets("blog.example.com") != []
    assert server.ledger.add_app("new", "production", SUBNETS).slot == slot


def test_roles_stop_before_their_database_each_with_its_grace(machine: FakeMachine, server: Host) -> None:
    machine.edge.requests[1, app_of(server).lane or ""] = [1, 0]
    machine.docker.calls.clear()
    remove(server, AWAY)
    *roles, last = [call for call in machine.docker.calls if call.startswith("stop")]
    assert sorted(roles) == [f"stop ferryman.{APP}.web.2 within 10 s", f"stop ferryman.{APP}.worker.2 within 3 s"]
    assert last == f"stop ferryman.{APP}.postgres within 60 s"
    assert list(machine.edge.requests.values()) == []


def test_the_data_goes_when_it_is_asked_for(machine: FakeMachine, server: Host) -> None:
    assert remove(server, AWAY_WITH_DATA)["volumes"] == [DATABASE, MEDIA]
    assert machine.docker.volumes({"ferryman.app": APP}) == []
    assert machine.docker.volumes({"ferryman.app": OTHER}) != []


def test_a_later_deploy_finds_the_data_says_so_and_counts_on(machine: FakeMachine, server: Host) -> None:
    remove(server, AWAY)
    database = machine.docker.databases[DATABASE]
    before = dict(database.roles)
    again = carry_out(server, machine.order("two", manifest(volumes={"media": "/app/media"})), "again")
    assert (again.state, again.release) == ("succeeded", 3)
    details = [event.get("detail") for event in server.ledger.events(again.id) if event.get("step") == "preflight"]
    assert details[-1] == f"release 3; takes over the data that is here: {DATABASE}, {MEDIA}"
    assert database.databases["shop_production"] == {"shop.0001", "shop.0002"}
    assert database.roles != before  # its password is a new one
    assert broken_promises(machine, server) == []


def test_a_mistyped_app_that_never_served_can_be_removed(machine: FakeMachine, server: Host) -> None:
    server.ledger.add_app("shpo", "production", SUBNETS)
    machine.edge.is_broken = True  # it is not even asked
    result = remove(server, RemoveOrder("shpo.production", with_data=False))
    assert (result["containers"], result["images"], result["kept"]) == ([], [], [])
    assert server.ledger.app("shpo.production") is None


def test_a_stopped_app_can_be_removed(machine: FakeMachine, server: Host) -> None:
    carry_out(server, StopOrder(APP, database=True), "stop")
    remove(server, AWAY)
    assert machine.edge.answer(None) is None
    assert broken_promises(machine, server) == []


def test_what_can_not_be_removed_now_is_removed_later(machine: FakeMachine, server: Host) -> None:
    able, machine.docker.remove_network = machine.docker.remove_network, refuse  # type: ignore[method-assign]
    conduct(begin(server, AWAY, "away"))
    left = app_of(server)
    assert left.removal is not None
    assert left.degraded == "network: the Docker Engine refused: not now"
    refused = carry_out(server, machine.order("two"), "too early")
    assert refused.error is not None
    assert refused.error["code"] == "being-removed"
    settle(server, app_of(server))
    assert app_of(server).degraded == "not as the ledger says: not now"
    machine.docker.remove_network = able  # type: ignore[method-assign]
    settle(server, app_of(server))
    assert server.ledger.app(APP) is None
    result = server.ledger.removal_result("away")
    assert result is not None
    assert result["kept"] == [DATABASE, MEDIA]


def test_a_removal_that_hangs_can_be_asked_for_again(machine: FakeMachine, server: Host) -> None:
    able, machine.docker.remove_network = machine.docker.remove_network, refuse  # type: ignore[method-assign]
    conduct(begin(server, AWAY, "away"))
    machine.docker.remove_network = able  # type: ignore[method-assign]
    assert remove(server, AWAY_WITH_DATA, "again")["volumes"] == [DATABASE, MEDIA]
    assert machine.docker.volumes({"ferryman.app": APP}) == []


def test_those_who_follow_a_removal_see_its_end(machine: FakeMachine, server: Host) -> None:
    run = begin(server, AWAY, "away")
    conduct(run)
    run.journal.close()
    told = list(run.journal.follow(0))
    assert [event["sequence"] for event in told] == list(range(1, len(told) + 1))
    assert (told[-1]["kind"], told[-1]["outcome"]) == ("finished", "succeeded")
    done = [event["step"] for event in told if event.get("state") == "done"]
    assert done == ["preflight", "commit", "switch", "stop", "network", "images", "data", "files"]


def test_harbour_is_told_that_an_app_is_gone(server: Host) -> None:
    remove(server, AWAY)
    last = server.ledger.outbox(10_000)[-1]
    assert (last["kind"], last["app"], last["environment"]) == ("app.removed", "shop", "production")
    assert last["data"] == {"with_data": False, "kept": [DATABASE, MEDIA]}
