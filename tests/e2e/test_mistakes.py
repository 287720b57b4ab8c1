"""What people do to a server by hand: it is healed, and the test tells after how many seconds; never silently."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import httpx
import pytest
from load import Load
from shop import Shop, make_shop, prepare

from ferryman.rehearsal.local_registry import LocalRegistry
from ferryman.rehearsal.machine import Machine
from ferryman.rehearsal.polling import wait_until

EDGE = "ferryman.edge"
EDGE_FOLDER = "/var/lib/ferryman/edge"
SOON_SECONDS = 10.0


@pytest.fixture(scope="module")
def shop(server: Machine, registry: LocalRegistry, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """An app that serves release 1, with a worker and a database, on a server of this module's own."""
    prepared = prepare(server, registry, tmp_path_factory.mktemp("prepared"))
    made = make_shop(prepared, tmp_path_factory.mktemp("clumsy"), "clumsy", "clumsy.test")
    made.settings["database"] = {"version": 17, "migrate": ["migrate"]}
    made.settings["app"]["roles"]["worker"] = {"command": ["worker"], "stop_grace": "1s"}
    made.configure()
    made.deploy(word="one")
    yield made
    for call in made.calls:
        if call.process.poll() is None:
            call.kill()


def on_server(shop: Shop, *command: str) -> str:
    return shop.prepared.server.run(list(command))


def ids(shop: Shop) -> dict[str, str]:
    return {name: str(shop.inspect(name)["Id"]) for name in shop.containers()}


def answers(shop: Shop) -> bool:
    try:
        return shop.get("/health").status_code == 200
    except httpx.TransportError:
        return False


class Mistake:
    """Something done by hand; `heals` waits until all is well again, and prints how long that took."""

    def __init__(self, shop: Shop, *command: str) -> None:
        self.shop, self.command = shop, command
        self.before = ids(shop)
        on_server(shop, *command)
        self.began = time.monotonic()

    def heals(self, seconds: float = SOON_SECONDS, *, but: str = "") -> None:
        """All containers are the same as before, `but` for one; the page is there, and `status` says so."""
        wait_until(self._is_well, f"it serves after {self.command}", seconds=seconds, pause=0.05)
        print(f"{' '.join(self.command)}: healed after {time.monotonic() - self.began:.2f} s")
        after = ids(self.shop)
        assert {name for name in after if after[name] != self.before[name]} <= {but}
        wait_until(lambda: self.shop.status()["state"] == "serving", "status says that it serves", seconds=20)

    def _is_well(self) -> bool:
        names = self.shop.containers()
        return answers(self.shop) and names == set(self.before) and all(map(self._is_up, names))

    def _is_up(self, name: str) -> bool:
        found = ["docker", "inspect", "--format", "{{.State.Status}}", f"ferryman.{self.shop.id}.{name}"]
        return self.shop.prepared.server.succeeds(found) and on_server(self.shop, *found).strip() == "running"


@pytest.mark.parametrize(
    ("verb", "container"),
    [
        ("rm --force", "web.1"),
        pytest.param("rm --force", "worker.1", marks=pytest.mark.slow),
        pytest.param("rm --force", "postgres", marks=pytest.mark.slow),
        pytest.param("kill", "web.1", marks=pytest.mark.slow),
        ("stop", "postgres"),
    ],
)
def test_container_that_is_taken_away_comes_back(shop: Shop, verb: str, container: str) -> None:
    Mistake(shop, "docker", *verb.split(), f"ferryman.{shop.id}.{container}").heals(but=container)


@pytest.mark.parametrize("verb", [("rm", "--force"), pytest.param(("kill",), marks=pytest.mark.slow)])
def test_edge_that_is_taken_away_comes_back(shop: Shop, verb: tuple[str, ...]) -> None:
    Mistake(shop, "docker", *verb, EDGE).heals()


@pytest.mark.parametrize(
    "container",
    ["web.1", *(pytest.param(name, marks=pytest.mark.slow) for name in ("postgres", "edge"))],
)
def test_what_is_paused_goes_on(shop: Shop, container: str) -> None:
    name = EDGE if container == "edge" else f"ferryman.{shop.id}.{container}"
    try:
        Mistake(shop, "docker", "pause", name).heals()
    finally:  # nothing can end a server in which somebody is frozen
        shop.prepared.server.succeeds(["docker", "unpause", name])


def test_edges_damaged_file_is_written_again(shop: Shop) -> None:
    path = f"{EDGE_FOLDER}/haproxy.cfg"
    Mistake(shop, "sh", "-c", f"echo nonsense > {path}; docker restart --time 1 {EDGE}").heals(seconds=20)
    assert "nonsense" not in on_server(shop, "cat", path)


def test_network_that_was_removed_is_put_back_under_what_runs(shop: Shop) -> None:
    network = f"ferryman.{shop.id}"
    attached = json.loads(on_server(shop, "docker", "network", "inspect", network))[0]["Containers"]
    off = "".join(f"docker network disconnect --force {network} {name}; " for name in sorted(attached))
    held = "systemctl kill --signal STOP ferryman-agent; {} systemctl kill --signal CONT ferryman-agent"
    Mistake(shop, "sh", "-ec", held.format(f"{off} docker network rm {network};")).heals()


def test_one_container_off_its_network_is_put_back(shop: Shop) -> None:
    network = f"ferryman.{shop.id}"
    Mistake(shop, "docker", "network", "disconnect", "--force", network, f"{network}.web.1").heals()


def test_engine_that_restarts_brings_all_back(shop: Shop) -> None:
    Mistake(shop, "systemctl", "restart", "docker").heals(seconds=60)


def test_edges_folder_that_was_removed_is_made_again(shop: Shop) -> None:
    """With something else that wakes the agent; without it is found within half a minute."""
    mistake = Mistake(shop, "sh", "-c", f"rm -rf {EDGE_FOLDER}; docker kill ferryman.{shop.id}.worker.1")
    path = f"{EDGE_FOLDER}/run/admin.sock"
    wait_until(lambda: shop.prepared.server.succeeds(["test", "-S", path]), "the edge is made anew", seconds=45)
    mistake.heals()


def test_prune_of_everything_leaves_what_serves(shop: Shop) -> None:
    shop.deploy(word="two")
    before = ids(shop)
    with Load(shop.port, shop.domain) as load:
        on_server(shop, "docker", "system", "prune", "--all", "--force")
    assert (load.failures, ids(shop)) == ([], before)
    shop.ferryman("rollback").succeeded()
    assert (shop.word(), shop.status()["state"]) == ("one", "serving")


def test_prune_while_the_app_is_stopped_is_made_good_by_start(shop: Shop) -> None:
    shop.ferryman("stop", "--database").succeeded()
    on_server(shop, "docker", "system", "prune", "--all", "--force")
    began = time.monotonic()
    shop.ferryman("start").succeeded()
    print(f"docker system prune of a stopped app: started again in {time.monotonic() - began:.2f} s")
    assert (shop.word(), shop.status()["state"]) == ("one", "serving")
