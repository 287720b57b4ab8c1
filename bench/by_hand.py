"""The floor: what a person would type on the server to start the same image."""

from __future__ import annotations

import shlex
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from bench.stage import BenchFailed, Stage
from ferryman.rehearsal.state import MachineState

NAME = "by-hand"
LAST_OCTET = "20"
LIMIT_SECONDS = 120

POLL = """\
import http.client, sys, time
end = time.monotonic() + 60
while time.monotonic() < end:
    connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]), timeout=5)
    try:
        connection.request("GET", sys.argv[3])
        if connection.getresponse().status == 200:
            sys.exit(0)
    except OSError:
        pass
    finally:
        connection.close()
    time.sleep(0.02)
sys.exit("never healthy")
"""

SCRIPT = """\
set -eu
printf %s {poll} > /run/by-hand.py
docker rm --force {name} > /dev/null 2>&1 || true
began=$(date +%s.%N)
{pull}
pulled=$(date +%s.%N)
{run} > /dev/null
python3 /run/by-hand.py {address} {port} {health}
healthy=$(date +%s.%N)
echo "$began $pulled $healthy"
docker rm --force {name} > /dev/null
{forget}
"""


@dataclass(frozen=True)
class ByHand:
    """Seconds of the pull and of the start until the first 200, on the server; and of all that at the client.

    At the client an SSH login comes first, as it does for a deploy.
    """

    pull: float
    start: float
    at_client: float

    @property
    def on_server(self) -> float:
        """From the beginning of the pull to the first 200."""
        return self.pull + self.start


def start_by_hand(stage: Stage, reference: str, *, pull: bool) -> ByHand:
    """Start `reference` with the limits, environment and network of the web container that serves; then remove it."""
    serving = stage.inspected()
    web = stage.destination.manifest["roles"]["web"]
    (network,) = serving["NetworkSettings"]["Networks"]
    subnet, _, _ = serving["NetworkSettings"]["Networks"][network]["IPAddress"].rpartition(".")
    address = f"{subnet}.{LAST_OCTET}"
    script = SCRIPT.format(
        poll=shlex.quote(POLL),
        name=NAME,
        pull=shlex.join(["docker", "pull", "--quiet", reference]) + " > /dev/null" if pull else ":",
        run=shlex.join([*run_command(serving, network, address), reference, *web["command"]]),
        address=address,
        port=web["port"],
        health=shlex.quote(web["health"]),
        forget=shlex.join(["docker", "rmi", reference]) + " > /dev/null" if pull else ":",
    )
    told, at_client = run_on(stage.server, script)
    began, pulled, healthy = map(float, told.split())
    return ByHand(pulled - began, healthy - pulled, at_client)


def run_command(serving: dict[str, Any], network: str, address: str) -> list[str]:
    """Pure: the `docker run` that gives what the serving container has."""
    host = serving["HostConfig"]
    command = ["docker", "run", "--detach", "--name", NAME, "--network", network, "--ip", address]
    command += [f"--memory={host['Memory']}", f"--memory-swap={host['MemorySwap']}", f"--cpus={host['NanoCpus'] / 1e9}"]
    command += [f"--pids-limit={host['PidsLimit']}", f"--log-driver={host['LogConfig']['Type']}"]
    command += _each("--log-opt", (f"{key}={value}" for key, value in host["LogConfig"]["Config"].items()))
    command += _each("--cap-drop", host["CapDrop"]) + _each("--security-opt", host["SecurityOpt"])
    command += _each("--tmpfs", (f"{path}:{options}" for path, options in (host["Tmpfs"] or {}).items()))
    command += _each("--volume", (f"{m['Name']}:{m['Destination']}" for m in serving["Mounts"]))
    command += _each("--env", serving["Config"]["Env"])
    return command + (["--read-only"] if host["ReadonlyRootfs"] else [])


def _each(option: str, values: Iterable[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def run_on(server: MachineState, script: str) -> tuple[str, float]:
    """Run a script on the server over SSH as root; the line that it writes, and after how many seconds that came."""
    options = ["BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR"]
    command = ["ssh", "-F", "/dev/null", "-i", str(server.identity), "-p", str(server.ssh_port)]
    command += _each("-o", [*options, "IdentitiesOnly=yes"])
    began = time.monotonic()
    with subprocess.Popen(
        [*command, "root@127.0.0.1", "sh -s"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(script)
        process.stdin.close()
        line = process.stdout.readline()
        seconds = time.monotonic() - began
        errors = process.stderr.read()
        if process.wait(LIMIT_SECONDS) != 0:
            raise BenchFailed("bench-floor-failed", f"the floor's script failed: {errors.strip()}")
    return line, seconds
