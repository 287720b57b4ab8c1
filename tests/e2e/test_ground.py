"""The ground that the rehearsal and all other end-to-end tests stand on is what it claims to be."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from ferryman.rehearsal.docker import Docker
from ferryman.rehearsal.ground import Ground
from ferryman.rehearsal.local_registry import LocalRegistry
from ferryman.rehearsal.machine import Machine
from ferryman.rehearsal.polling import wait_until
from ferryman.rehearsal.stand_ins import POSTGRES, PYTHON, Images

MakeServer = Callable[..., Machine]
AS_AGENT = ["--security-opt=no-new-privileges", "--cap-drop=ALL"]
POSTGRES_OPTIONS = [
    *AS_AGENT,
    *(f"--cap-add={name}" for name in ("CHOWN", "DAC_OVERRIDE", "FOWNER", "SETUID", "SETGID")),
]
EDGE_OPTIONS = [*AS_AGENT, *(f"--cap-add={name}" for name in ("NET_BIND_SERVICE", "SETUID", "SETGID", "KILL"))]
EDGE = """
global
    user haproxy
    group haproxy
    stats socket /usr/local/etc/haproxy/admin.sock mode 600 level admin
defaults
    mode http
    timeout client 5s
    timeout server 5s
    timeout connect 5s
frontend all
    bind :80
    bind :8000
    http-request return status 200 content-type text/plain string ferried
"""


def ssh(server: Machine, tmp_path: Path, user: str, *command: str) -> str:
    """Run a command as an admin does, with the host key pinned before the first connection."""
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.state.ssh_port} {server.state.host_key}\n")
    options = ["BatchMode=yes", "IdentitiesOnly=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={known}"]
    args = [word for option in options for word in ("-o", option)]
    where = ["-i", str(server.state.identity), "-p", str(server.state.ssh_port), f"{user}@127.0.0.1"]
    return subprocess.run(["ssh", *args, *where, *command], capture_output=True, text=True, check=True).stdout


def test_python_image_installs_packages_where_the_official_one_does(images: Images, docker: Docker) -> None:
    script = (
        "set -e; cd /tmp; python -m venv v; v/bin/python -m pip --version >/dev/null;"
        "python -m compileall -q v/lib/python3.13/site-packages/pip/_internal/cli;"
        "pip3 --version | grep -o '/usr/local/lib/python3.13/[a-z]*-packages/pip' >/dev/null;"
        "python3 -c 'import sqlite3, ssl, ctypes, zoneinfo, sysconfig;"
        'zoneinfo.ZoneInfo("Europe/Berlin"); print(sysconfig.get_path("purelib"))\''
    )
    assert docker.run(["run", "--rm", PYTHON, "sh", "-c", script]) == "/usr/local/lib/python3.13/site-packages\n"


@pytest.fixture
def postgres(images: Images, docker: Docker, tmp_path: Path) -> Iterator[str]:
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    env = ["--env=POSTGRES_USER=app", "--env=POSTGRES_DB=shop", "--env=POSTGRES_PASSWORD_FILE=/run/password"]
    args = [
        *POSTGRES_OPTIONS,
        *env,
        f"--volume={secret}:/run/password:ro",
        POSTGRES,
        "postgres",
        "-c",
        "max_connections=7",
    ]
    container = docker.run(["run", "--detach", *args]).strip()
    ready = ["exec", container, "pg_isready", "--host", "127.0.0.1"]
    wait_until(lambda: docker.succeeds(ready), "PostgreSQL accepts connections", seconds=30)
    yield container
    docker.run(["rm", "--force", "--volumes", container])


def test_postgres_image_keeps_the_official_contract_with_five_capabilities(postgres: str, docker: Docker) -> None:
    query = "select current_user, current_database(), current_setting('max_connections')"
    address = docker.run(["exec", postgres, "hostname", "-i"]).strip()

    def ask(where: str) -> str:
        return docker.run(["exec", postgres, "psql", "--no-align", "--tuples-only", "--command", query, where]).strip()

    assert ask("postgresql://app@/shop") == "app|shop|7"
    assert ask(f"postgresql://app:s3cret@{address}/shop") == "app|shop|7"
    assert not docker.succeeds(["exec", postgres, "psql", "--command", query, f"postgresql://app:wrong@{address}/shop"])
    assert docker.run(["exec", postgres, "stat", "--format", "%u:%g %a", "/var/lib/postgresql/data"]) == "999:999 700\n"


def test_private_registry_refuses_a_wrong_password(private_registry: LocalRegistry) -> None:
    state = private_registry.state
    url = f"http://{state.address}/v2/"
    answers = [
        httpx.get(url, auth=auth).status_code for auth in ((state.username, state.password), (state.username, "no"))
    ]
    assert answers == [200, 401]


def test_bare_server_has_the_pinned_host_key_and_no_engine_and_stays_itself_over_a_reboot(
    make_server: MakeServer, tmp_path: Path
) -> None:
    server = make_server()
    assert ssh(server, tmp_path, "root", "id", "-un") == "root\n"
    assert ssh(server, tmp_path, "admin", "sudo", "-n", "id", "-un") == "root\n"
    assert not server.succeeds(["sh", "-c", "command -v docker || command -v dockerd || command -v haproxy"])
    server.reboot()
    assert ssh(server, tmp_path, "root", "systemctl", "is-system-running") == "running\n"
    server.power_cut()
    assert ssh(server, tmp_path, "root", "systemctl", "is-system-running") == "running\n"


def test_engine_in_the_server_limits_memory_and_reaches_containers_and_survives_a_power_cut(server: Machine) -> None:
    network = ["docker", "network", "create", "--subnet", "10.213.7.0/24", "inner"]
    server.run(network)
    limits = ["--memory", "256m", "--memory-swap", "256m", "--cpus", "1", "--pids-limit", "100"]
    place = ["--name", "database", "--network", "inner", "--ip", "10.213.7.5", "--restart", "unless-stopped"]
    run = ["docker", "run", "--detach"]
    server.run([*run, *place, *limits, *POSTGRES_OPTIONS, "--env=POSTGRES_PASSWORD=x", POSTGRES], timeout=180)
    connect = ["python3", "-c", "import socket; socket.create_connection(('10.213.7.5', 5432), 1)"]
    wait_until(lambda: server.succeeds(connect), "PostgreSQL is reached from the server", seconds=30)
    limit = server.run(
        [
            "docker",
            "exec",
            "database",
            "sh",
            "-c",
            "cat /sys/fs/cgroup/memory*/memory.limit_in_bytes || cat /sys/fs/cgroup/memory.max",
        ]
    )
    assert limit == f"{256 * 2**20}\n"
    server.power_cut()
    server.wait_engine()
    wait_until(lambda: server.succeeds(connect), "PostgreSQL is back after a power cut", seconds=30)


def test_haproxy_in_the_server_takes_the_published_ports_and_stops_at_once(server: Machine) -> None:
    server.run(["sh", "-c", "mkdir -p /edge && cat > /edge/haproxy.cfg"], stdin=EDGE.encode())
    place = [
        "--name",
        "edge",
        "--network",
        "host",
        "--user",
        "root",
        "--read-only",
        "--volume",
        "/edge:/usr/local/etc/haproxy",
    ]
    server.run(["docker", "run", "--detach", *place, *EDGE_OPTIONS, "haproxy:3.0"], timeout=120)
    for port in (server.state.http_port, server.state.app_port):
        wait_until(partial(answers, port), f"the edge answers on {port}", seconds=20)
    server.run(["docker", "stop", "--time", "20", "edge"], timeout=10)


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/", timeout=2).text == "ferried"
    except httpx.TransportError:
        return False


def test_ground_comes_up_again_from_its_state_and_goes_down_without_a_trace(tmp_path: Path, docker: Docker) -> None:
    ground = Ground(tmp_path, f"e2e-{secrets.token_hex(3)}", lambda _: None)
    first = ground.up()
    assert first.machine is not None
    Machine(first.machine, docker).stop()
    assert ground.up() == first
    assert (tmp_path / ".ferryman" / ".gitignore").read_text() == "*\n"
    assert (ground.file.path.stat().st_mode & 0o777, first.machine.identity.stat().st_mode & 0o777) == (0o600, 0o600)
    assert ground.down() == 5
    assert ground.down() == 0
    assert not ground.file.folder.exists()
