"""The ground of the end-to-end tests: images built once, one registry, and throw-away servers."""

from __future__ import annotations

import logging
import os
import secrets
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from django_shop import DjangoShop, make_django_shop
from outer_registry import OuterRegistry, can_be_introduced, outer_registry
from playwright.sync_api import Browser, sync_playwright
from shipped import FERRYMAN, ROOT, Shipped, rehearse, run
from shop import Prepared, Shop, make_shop, prepare, remove_images
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from ferryman.rehearsal.docker import Docker
from ferryman.rehearsal.engine import ensure_engine
from ferryman.rehearsal.ground import Ground
from ferryman.rehearsal.local_registry import LocalRegistry
from ferryman.rehearsal.machine import Machine
from ferryman.rehearsal.stand_ins import Images

MakeServer = Callable[..., Machine]
# Modules whose tests share what is dear to make, and run in one process; every other module is a group of its own.
_GROUPS = {"test_harbour": "shipped", "test_pages": "shipped", "test_ship": "shipped"}
# What takes long begins first, so that two processes end at about the same time.
_FIRST = ("test_harbour", "test_pages", "test_ship", "test_workflows", "test_upgrade", "test_mistakes", "test_setup")
_FOLDER = Path(__file__).parent
_SERVERS = pytest.StashKey[list[Machine]]()
_log = logging.getLogger(__name__)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "e2e: needs Docker Engine, throw-away servers and minutes")
    config.stash[_SERVERS] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _FOLDER in item.path.parents:
            item.add_marker(pytest.mark.e2e)
    items.sort(key=lambda item: _FIRST.index(item.path.stem) if item.path.stem in _FIRST else len(_FIRST))


class _ByGroup(LoadScopeScheduling):  # type: ignore[misc]
    """A group stays in one process, for its tests share a server and are a story."""

    def _split_scope(self, nodeid: str) -> str:
        module = Path(nodeid.partition("::")[0]).stem
        return _GROUPS.get(module, module)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _ByGroup:
    return _ByGroup(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the journals of the servers that are up into the report of a test that failed."""
    report = yield
    if report.failed:
        for server in item.config.stash[_SERVERS]:
            report.sections.append((f"journal of {server.state.container}", server.logs()))
    return report


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A ground of this run's own, removed at its end."""
    ensure_engine(_log.info)
    made = Ground(tmp_path_factory.mktemp("ground"), f"e2e-{secrets.token_hex(3)}", _log.info)
    yield made
    made.down()


@pytest.fixture(scope="session")
def docker(ground: Ground) -> Docker:
    """The docker command of this machine."""
    return ground.docker


@pytest.fixture(scope="session")
def images(ground: Ground) -> Images:
    """The images of the rehearsal, all there; `images.ensure(name)` tells a real one from a stand-in."""
    ground.images.ensure_all()
    return ground.images


@pytest.fixture(scope="session")
def registry(ground: Ground, images: Images) -> LocalRegistry:
    """A registry that anybody may use, and the mirror of all servers of this run."""
    return ground.make_registry()


@pytest.fixture(scope="session")
def private_registry(ground: Ground) -> LocalRegistry:
    """A registry that asks for the username and password in its state."""
    return ground.make_registry(with_auth=True)


def _server_factory(config: pytest.Config, ground: Ground, registry: LocalRegistry) -> Iterator[MakeServer]:
    made: list[Machine] = []

    def make(*, with_engine: bool = False) -> Machine:
        name = f"server-{secrets.token_hex(3)}"
        made.append(ground.make_server([registry.state], name=name, with_engine=with_engine))
        config.stash[_SERVERS].append(made[-1])
        if with_engine:
            made[-1].wait_engine()
        return made[-1]

    yield make
    for server in made:
        config.stash[_SERVERS].remove(server)
        server.remove()


@pytest.fixture
def make_server(request: pytest.FixtureRequest, ground: Ground, registry: LocalRegistry) -> Iterator[MakeServer]:
    """Makes servers for one test: bare, or `with_engine=True`."""
    yield from _server_factory(request.config, ground, registry)


@pytest.fixture(scope="module")
def make_servers(request: pytest.FixtureRequest, ground: Ground, registry: LocalRegistry) -> Iterator[MakeServer]:
    """The same, for the tests of a module."""
    yield from _server_factory(request.config, ground, registry)


@pytest.fixture(scope="module")
def server(make_servers: MakeServer) -> Machine:
    """One server with Docker Engine for the tests of a module."""
    return make_servers(with_engine=True)


@pytest.fixture(scope="session")
def shared_server(request: pytest.FixtureRequest, ground: Ground, registry: LocalRegistry) -> Iterator[Machine]:
    """One server with Docker Engine for all modules whose tests keep to an app of their own."""
    for make in _server_factory(request.config, ground, registry):
        yield make(with_engine=True)


@pytest.fixture(scope="session")
def prepared(
    images: Images, shared_server: Machine, registry: LocalRegistry, tmp_path_factory: pytest.TempPathFactory
) -> Prepared:
    """The shared server after `ferryman server setup`; the projects' builds find their base image on this machine."""
    return prepare(shared_server, registry, tmp_path_factory.mktemp("setup"))


@pytest.fixture(scope="module")
def new_shop(prepared: Prepared, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Shop]]:
    """Makes projects, each with an app of its own on the shared server: `new_shop(name, domain)`.

    They go at the end of the module: a server has room for 16 apps.
    """
    made: list[Shop] = []

    def make(name: str, domain: str | None = None) -> Shop:
        made.append(make_shop(prepared, tmp_path_factory.mktemp(name), name, domain))
        return made[-1]

    yield make
    for shop in made:
        for call in shop.calls:
            if call.process.poll() is None:
                call.kill()
        removed = shop.ferryman("remove", "--yes-remove", shop.name)
        assert removed.process.returncode == 0 or "[unknown-app]" in removed.told
        remove_images(prepared.server.docker, shop.image)


@pytest.fixture(scope="module")
def outer(
    ground: Ground, images: Images, server: Machine, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OuterRegistry | None]:
    """A registry that asks for a password wherever it is asked from; None where this machine's engine can't be told."""
    if not can_be_introduced():
        yield None
        return
    with outer_registry(ground, tmp_path_factory.mktemp("outer")) as made, pytest.MonkeyPatch.context() as variables:
        made.introduce(server)
        variables.setenv("SSL_CERT_FILE", made.bundle())
        variables.setenv("no_proxy", ",".join(filter(None, (os.environ.get("no_proxy"), made.host))))
        yield made


@pytest.fixture(scope="module")
def shop(
    server: Machine, registry: LocalRegistry, outer: OuterRegistry | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DjangoShop]:
    """A Django project and a server of its own, on port 8000."""
    prepared: Prepared = prepare(server, registry, tmp_path_factory.mktemp("setup"))
    folder = tmp_path_factory.mktemp("pushed") / "shop"
    folder.mkdir()
    made = make_django_shop(prepared, folder, prepared.pipeline_key.read_text(), outer)
    yield made
    remove_images(server.docker, made.image)


@pytest.fixture(scope="session")
def shipped(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    """A rehearsal from a fresh clone, removed at the end."""
    clone = tmp_path_factory.mktemp("clone") / "ferryman"
    run(ROOT, "git", "clone", "--quiet", str(ROOT), str(clone))
    try:
        yield rehearse(clone)
    finally:
        run(clone, str(FERRYMAN), "rehearse", "down")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield chromium
        chromium.close()
