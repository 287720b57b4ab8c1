"""What this version makes of a server of an earlier one. A story: each test begins where the one before it ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from command import FERRYMAN
from load import Load
from shop import remove_images

from ferryman.errors import FerrymanError
from ferryman.rehearsal.local_registry import LocalRegistry
from ferryman.rehearsal.machine import Machine
from ferryman.rehearsal.polling import wait_until
from ferryman_agent.requests import REQUESTS
from upgrade.earlier import VERSIONS, Version, unpack
from upgrade.town import APPS, STATE, Town, ids, labels_of_volume, make_town, remains, told

SAMPLE = (VERSIONS[-1], ("market",))
WHOLE = [(version, tuple(APPS)) for version in VERSIONS]


@pytest.fixture(
    scope="module",
    params=[SAMPLE, *(pytest.param(whole, marks=pytest.mark.slow) for whole in WHOLE)],
    ids=lambda param: f"{param[0].wheel.removesuffix('.whl')} with {' and '.join(param[1])}",
)
def town(
    request: pytest.FixtureRequest,
    make_servers: Callable[..., Machine],
    registry: LocalRegistry,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Town]:
    """A server of an earlier version."""
    version: Version
    version, names = request.param
    earlier = unpack(version, tmp_path_factory.mktemp("earlier"))
    made = make_town(earlier, make_servers(with_engine=True), registry, names, tmp_path_factory.mktemp)
    yield made
    for shop in made.shops.values():
        remove_images(made.server.docker, shop.image)


def test_uploads_of_the_earlier_version_are_in_a_volume_as_it_made_them(town: Town) -> None:
    labels = labels_of_volume(town.shops["market"], "volume.media")
    assert bool(labels) is town.earlier.version.labels_volumes


def test_this_command_reads_from_the_earlier_agent_and_says_what_that_one_lacks(town: Town) -> None:
    town.use(FERRYMAN)
    for shop in town.serving:
        for words in (["status"], ["releases"], ["deployments"], ["doctor"], ["env", "list"], ["plan", "rollback"]):
            shop.ferryman(*words).succeeded()
        assert shop.ferryman("plan", "deploy", "--json").json()["unchanged"] is True
    link = town.shops["market"].destination().link
    for kind in {*REQUESTS, "make-coffee"} - town.earlier.requests():
        with pytest.raises(FerrymanError) as caught:
            link.request(kind, {})
        assert (caught.value.code, caught.value.hint) == ("agent-outdated", "ferryman server setup --to production")
        assert kind in caught.value.message
    town.use(town.earlier.program)


def test_setup_under_load_loses_no_request_and_replaces_no_container(town: Town) -> None:
    running, before = [ids(shop) for shop in town.shops.values()], [told(shop) for shop in town.shops.values()]
    with ExitStack() as stack:
        loads = [stack.enter_context(Load(shop.port, shop.domain, slow=True)) for shop in town.serving]
        town.set_up().succeeded()
        town.shops["market"].ferryman("doctor").succeeded("whole")
        answered = [load.total for load in loads]
        wait_until(
            lambda: all(load.total > seen + 50 for load, seen in zip(loads, answered, strict=True)),
            "the load goes on",
            seconds=30,
        )
    assert [load.failures for load in loads] == [[] for _ in loads]
    assert [ids(shop) for shop in town.shops.values()] == running
    for shop, earlier in zip(town.shops.values(), before, strict=True):
        now = told(shop)
        assert {key: now.get(key) for key in earlier} == earlier
    assert town.set_up().succeeded("0 changes")
    print(f"{sum(load.total for load in loads)} requests, none lost")


def test_a_plan_is_without_change(town: Town) -> None:
    for shop in town.serving:
        assert shop.ferryman("plan", "deploy", "--json").json()["unchanged"] is True
        running = ids(shop)
        shop.ferryman("deploy").succeeded("unchanged: release 2")
        assert ids(shop) == running


def test_the_ledger_is_rebuilt_from_what_the_earlier_agent_left(town: Town) -> None:
    shops = list(town.shops.values())
    before, running = [told(shop) for shop in shops], [ids(shop) for shop in shops]
    town.on_server(f"systemctl stop ferryman-agent; rm {STATE}/ledger.db*; systemctl start ferryman-agent")
    shops[0].ferryman("doctor").ended_with(4, "[ledger-missing]", "market.production: release 2 serves")
    shops[0].ferryman("doctor", "--rebuild", "--yes").succeeded("the ledger was rebuilt")
    wait_until(lambda: shops[0].ferryman("status").process.returncode == 0, "the agent acts again", seconds=20)
    assert ([told(shop) for shop in shops], [ids(shop) for shop in shops]) == (before, running)
    shops[0].ferryman("doctor").succeeded("whole")


def test_a_rollback_goes_to_a_release_of_the_earlier_version(town: Town) -> None:
    for shop in town.serving:
        shop.ferryman("rollback").succeeded("release 1", "serves")
        assert (shop.word(), shop.serving()) == (f"{shop.name} one", 1)


def test_the_earlier_command_deploys_to_this_agent(town: Town) -> None:
    town.use(town.earlier.program)
    for shop in town.serving:
        shop.ferryman("status").succeeded("serving")
        shop.deploy(word=f"{shop.name} three").succeeded("release 3")
        assert shop.word() == f"{shop.name} three"
        shop.ferryman("rollback").succeeded("release 1")
        assert shop.word() == f"{shop.name} one"
    town.use(FERRYMAN)


def test_what_the_earlier_version_kept_is_there_after_a_deploy(town: Town) -> None:
    shop = town.shops["market"]
    cache = ids(shop)["cache"]
    shop.deploy(word="market four").succeeded("release 4")
    assert shop.word() == "market four"
    assert ids(shop)["cache"] == cache
    assert shop.ferryman("exec", "--", "cat", "/app/media/upload").succeeded().stdout.text == "picture\n"
    assert shop.ferryman("exec", "--role", "cache", "--", "cat", "/data/entry").succeeded().stdout.text == "entry\n"
    assert shop.ferryman("env", "list", "--values").succeeded().stdout.text == "TOKEN=geheim\n"
    assert shop.status()["schedules"]["sweep"]["last"]["state"] == "succeeded"
    shop.ferryman("run", "sweep").succeeded()


def test_an_app_of_the_earlier_version_gets_its_database_under_names_of_its_own(town: Town) -> None:
    shop = town.shops["market"]
    shop.configure(lambda settings: settings["database"].update(variables={"DB_HOST": "host"}))
    shop.deploy(word="market five").succeeded("release 5")
    given = shop.get("/environment").json()
    assert f"@{given['DB_HOST']}:5432/" in given["DATABASE_URL"]
    assert (given["FERRYMAN_SCHEME"], given["CSRF_TRUSTED_ORIGINS"].split(",")[0]) == ("http", "http://market.test")


def test_an_app_that_the_earlier_version_stopped_starts(town: Town) -> None:
    if "closed" not in town.shops:
        pytest.skip("the sample has no app that is stopped")
    shop = town.shops["closed"]
    assert (shop.status()["state"], shop.get().status_code) == ("stopped", 503)
    shop.ferryman("start").succeeded("serves")
    assert shop.word() == "closed two"


def test_a_removal_with_the_data_leaves_nothing(town: Town) -> None:
    for shop in town.shops.values():
        shop.ferryman("remove", "--yes-remove", shop.name, "--with-data").succeeded()
    assert {name: remains(shop) for name, shop in town.shops.items()} == {name: [] for name in town.shops}
    for shop in town.shops.values():
        with pytest.raises(httpx.HTTPError):
            shop.get().raise_for_status()
