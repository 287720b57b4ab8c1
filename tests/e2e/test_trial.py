"""What `ferryman test image` finds in a container that runs: root, no health, a stop that loses or hangs."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman.config import load_configuration
from ferryman.rehearsal.docker import Docker
from ferryman.rehearsal.stand_ins import PYTHON, Images
from ferryman.trial.container import Trial
from ferryman.trial.outcomes import CheckFailed
from ferryman.trial.postgresql import running_postgresql

TOML = """\
[app]
name = "shop"
image = "acme/shop"
[app.roles.web]
health = "/health"
health_timeout = "8s"
stop_grace = "2s"
"""
APP = """\
import http.server, os, signal, socket, sys, threading, time

BEHAVIOUR = sys.argv[1]
print("starting", flush=True)
if BEHAVIOUR == "exits":
    sys.exit("no such module: shop")
if BEHAVIOUR == "writes":
    open("/app/file", "w")


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if os.environ.get("DATABASE_URL"):
            place = os.environ["DATABASE_URL"].split("@")[1].split(":")[0]
            with socket.create_connection((place, 5432)) as database:
                database.sendall(b"\\x00\\x00\\x00\\x08\\x04\\xd2\\x16\\x2f")  # TLS? One byte comes back
                database.recv(1)
        self.send_response(500 if BEHAVIOUR == "ill" else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args):
        pass


server = http.server.ThreadingHTTPServer(("0.0.0.0", 8000), Handler)
server.daemon_threads = False
if BEHAVIOUR == "hangs":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
elif BEHAVIOUR == "drops":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
else:
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever()
server.server_close()
"""


@pytest.fixture(scope="module")
def image(images: Images, docker: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An image whose behaviour is its command's last word."""
    images.ensure(PYTHON)
    folder, name = tmp_path_factory.mktemp("trial"), f"ferryman-test/trial-{secrets.token_hex(3)}"
    (folder / "app.py").write_text(APP)
    (folder / "Dockerfile").write_text(f"FROM {PYTHON}\nWORKDIR /app\nCOPY app.py .\nUSER 10001\n")
    docker.build(folder, name, labels={})
    (folder / "Dockerfile").write_text(f"FROM {name}\nUSER root\n")
    docker.build(folder, f"{name}:root", labels={})
    yield name
    docker.run(["rmi", f"{name}:root", name])


@pytest.fixture(scope="module")
def network(docker: Docker) -> Iterator[str]:
    """A network of its own."""
    name = f"ferryman-test-{secrets.token_hex(3)}"
    docker.run(["network", "create", name])
    yield name
    docker.run(["network", "rm", name])


def trial(folder: Path, image: str, network: str, behaviour: str) -> Trial:
    path = folder / "ferryman.toml"
    path.write_text(TOML.replace("health =", f'command = ["python", "/app/app.py", "{behaviour}"]\nhealth ='))
    return Trial(load_configuration(path), image, network, "", "")


def test_a_good_image_passes(tmp_path: Path, image: str, network: str) -> None:
    tried = trial(tmp_path, image, network, "good")
    with tried.running():
        assert tried.uid() == 10001
        assert "/health answers 200" in tried.wait_until_healthy()
        assert "none was open at SIGTERM" in tried.stop_under_load()


def test_a_request_that_is_open_at_sigterm_is_answered(tmp_path: Path, image: str, network: str) -> None:
    with running_postgresql(17, network) as postgresql:
        tried = trial(tmp_path, image, network, "good")
        tried.database, tried.database_url = postgresql.container, postgresql.inner_url
        with tried.running():
            tried.wait_until_healthy()
            assert "the one that was open too" in tried.stop_under_load()
        lossy = trial(tmp_path, image, network, "drops")
        lossy.database, lossy.database_url = postgresql.container, postgresql.inner_url
        with lossy.running():
            lossy.wait_until_healthy()
            with pytest.raises(CheckFailed, match="the request that was open at SIGTERM got no answer"):
                lossy.stop_under_load()


def test_root_is_seen_in_the_running_process(tmp_path: Path, image: str, network: str) -> None:
    tried = trial(tmp_path, f"{image}:root", network, "good")
    with tried.running(), pytest.raises(CheckFailed, match="runs as root"):
        tried.uid()


@pytest.mark.parametrize(
    ("behaviour", "told"),
    [
        ("exits", "ended with exit code 1: (starting\nno such module: shop|no such module: shop\nstarting)"),
        ("writes", "ended with exit code 1: .*Read-only file system"),
        ("ill", "/health: status 500 within 8 s"),
    ],
)
def test_what_does_not_get_healthy_shows_its_log(
    tmp_path: Path, image: str, network: str, behaviour: str, told: str
) -> None:
    tried = trial(tmp_path, image, network, behaviour)
    with tried.running(), pytest.raises(CheckFailed, match=f"(?s){told}"):
        tried.wait_until_healthy()


def test_a_stop_that_hangs_is_seen_within_its_grace(tmp_path: Path, image: str, network: str) -> None:
    tried = trial(tmp_path, image, network, "hangs")
    with tried.running():
        tried.wait_until_healthy()
        with pytest.raises(CheckFailed, match="did not end within its stop_grace of 2 s"):
            tried.stop_under_load()
