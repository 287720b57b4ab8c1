"""Runs in the throw-away server: holds the agent at a step and strikes there; compares ledger, engine and edge.

`watch APP STEP ACT` waits until the next deployment of APP begins STEP, stops the agent's process at once and strikes:
`agent`, `edge` and `postgres` are killed, `engine` is restarted, for `hold` whoever reads the output does something.
`settle APP SECONDS` waits until no deployment runs and nothing differs from the ledger, or tells what does.
"""

import csv
import http.client
import io
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

STATE = Path("/var/lib/ferryman")
ENGINE = "/var/run/docker.sock"
LOOK_SECONDS = 0.001
WATCH_SECONDS = 90.0
SETTLE_PAUSE_SECONDS = 0.1
DEAD = "ZX"
OVER = ("running", "committed")


def tell(**what: Any) -> None:
    """One line for the reader."""
    print(json.dumps({"at": time.monotonic(), **what}), flush=True)


def ledger() -> sqlite3.Connection:
    """The ledger, to read only."""
    connection = sqlite3.connect(f"file:{STATE}/ledger.db?mode=ro", uri=True, isolation_level=None)
    connection.row_factory = sqlite3.Row
    return connection


def engine(path: str) -> Any:
    """GET from the Docker Engine."""
    connection = http.client.HTTPConnection("docker", timeout=20)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.settimeout(20)
    connection.sock.connect(ENGINE)
    try:
        connection.request("GET", path)
        return json.loads(connection.getresponse().read())
    finally:
        connection.close()


# -- watch


def main_pid(unit: str) -> int:
    """The process of a unit."""
    command = ["systemctl", "show", "--property", "MainPID", "--value", unit]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def process_state(pid: int) -> str:
    """One letter: R, S, T for stopped, Z for dead and not waited for, X for gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]
    except OSError:
        return "X"


def wait_state(pid: int, states: str) -> None:
    """Until the process is in one of the states; TimeoutError after 30 s."""
    limit = time.monotonic() + 30
    while process_state(pid) not in states:
        if time.monotonic() > limit:
            raise TimeoutError(f"process {pid} is {process_state(pid)} and not {states}")
        time.sleep(LOOK_SECONDS)


def kill(pid: int) -> None:
    """SIGKILL, and its end."""
    os.kill(pid, signal.SIGKILL)
    wait_state(pid, DEAD)


def restart_engine() -> None:
    """Until systemd stops it: what runs in it ends meanwhile."""
    nothing = subprocess.DEVNULL
    subprocess.Popen(["systemctl", "restart", "docker"], stdin=nothing, stdout=nothing, stderr=nothing)
    show = ["systemctl", "show", "--property", "ActiveState", "--value", "docker"]
    limit = time.monotonic() + 30
    while subprocess.run(show, check=True, capture_output=True, text=True).stdout.strip() == "active":
        if time.monotonic() > limit:
            raise TimeoutError("the engine is not restarted")


def hold() -> None:
    """Until the reader says that it is done."""
    sys.stdin.readline()


def striker(app: str, act: str) -> Callable[[], None]:
    """What strikes; processes are looked up before, since that takes time."""
    if act in ("edge", "postgres"):
        name = "ferryman.edge" if act == "edge" else f"ferryman.{app}.postgres"
        pid = int(engine(f"/containers/{name}/json")["State"]["Pid"])
        return lambda: kill(pid)
    return {"engine": restart_engine, "hold": hold, "agent": lambda: None}[act]


def watch(app: str, step: str, act: str) -> None:
    """Hold the agent at the beginning of a step, and strike."""
    agent, strike, connection = main_pid("ferryman-agent"), striker(app, act), ledger()
    (known,) = connection.execute("SELECT COALESCE(MAX(rowid), 0) FROM deployment").fetchone()
    tell(ready=True)
    limit = time.monotonic() + WATCH_SECONDS
    while not has_begun(connection, app, known, step):
        if time.monotonic() > limit or is_over(connection, app, known):
            tell(missed=True)
            return
        time.sleep(LOOK_SECONDS)
    os.kill(agent, signal.SIGSTOP)
    wait_state(agent, "T" + DEAD)
    tell(hit=last_step(connection, app, known), committed=is_committed(connection, app, known))
    if act == "agent":
        kill(agent)
        return
    strike()
    os.kill(agent, signal.SIGCONT)


def events(connection: sqlite3.Connection, app: str, known: int) -> list[dict[str, Any]]:
    """What the journal has of the deployment that began after `known`."""
    query = "SELECT e.body FROM deployment d JOIN event e ON e.deployment = d.id WHERE d.rowid > ? AND d.app = ?"
    return [json.loads(row["body"]) for row in connection.execute(f"{query} ORDER BY e.sequence", (known, app))]


def state_of(connection: sqlite3.Connection, app: str, known: int) -> str:
    """Its state in the ledger, '' before it began."""
    row = connection.execute("SELECT state FROM deployment WHERE rowid > ? AND app = ?", (known, app)).fetchone()
    return str(row["state"]) if row else ""


def has_begun(connection: sqlite3.Connection, app: str, known: int, step: str) -> bool:
    """Whether the journal has the step's intent."""
    found = events(connection, app, known)
    return any((event.get("step"), event.get("state")) == (step, "started") for event in found)


def is_over(connection: sqlite3.Connection, app: str, known: int) -> bool:
    """Whether it has its outcome."""
    return state_of(connection, app, known) not in ("", *OVER)


def is_committed(connection: sqlite3.Connection, app: str, known: int) -> bool:
    """Whether the commit is behind it."""
    return state_of(connection, app, known) in ("committed", "succeeded")


def last_step(connection: sqlite3.Connection, app: str, known: int) -> str:
    """The step that the agent was held in."""
    steps = [event for event in events(connection, app, known) if event["kind"] == "step"]
    return str(steps[-1]["step"]) if steps else ""


# -- settle


def settle(app: str, seconds: float) -> None:
    """Wait until nothing differs, at most so long."""
    limit = time.monotonic() + seconds
    while True:
        try:
            problems = differences(app)
        except Exception as error:  # noqa: BLE001 - the engine or the edge is away
            problems = [f"can't look: {error!r}"]
        if not problems or time.monotonic() > limit:
            break
        time.sleep(SETTLE_PAUSE_SECONDS)
    tell(problems=problems, **facts(app))


def facts(app: str) -> dict[str, Any]:
    """The newest deployment and the release that serves."""
    connection = ledger()
    newest = connection.execute("SELECT * FROM deployment WHERE app = ? ORDER BY rowid DESC LIMIT 1", (app,)).fetchone()
    found = connection.execute("SELECT * FROM app WHERE id = ?", (app,)).fetchone()
    keys = ("id", "state", "release", "previous")
    return {"deployment": {key: newest[key] for key in keys}, "serving": found["serving"]}


def differences(app: str) -> list[str]:
    """What is not as the ledger says."""
    connection = ledger()
    found = connection.execute("SELECT * FROM app WHERE id = ?", (app,)).fetchone()
    waiting = connection.execute("SELECT state FROM deployment WHERE app = ? AND state IN (?, ?)", (app, *OVER))
    problems = [f"a deployment is {row['state']}" for row in waiting]
    problems += [f"degraded: {found['degraded']}"] if found["degraded"] else []
    releases = {
        row["number"]: dict(row) for row in connection.execute("SELECT * FROM release WHERE app = ?", (app,)).fetchall()
    }
    for row in releases.values():
        row["manifest"] = json.loads(row["manifest"])
    serving = releases[found["serving"]]
    problems += [f"release {number} is a candidate" for number, r in releases.items() if r["state"] == "candidate"]
    problems += container_differences(found, serving)
    problems += edge_differences(found, serving)
    problems += network_differences(connection)
    return problems + left_over(app, releases)


def container_differences(app: sqlite3.Row, serving: dict[str, Any]) -> list[str]:
    """Exactly the containers of the serving release run, and restart by themselves."""
    turns = json.loads(app["turns"])
    wanted = {f"ferryman.{app['id']}.postgres"}
    for role in serving["manifest"]["roles"]:
        turn = f".{turns[role]}" if turns.get(role) else ""
        wanted.add(f"ferryman.{app['id']}.{role}.{serving['number']}{turn}")
    everything = engine("/containers/json?all=1")
    mine = {c["Names"][0][1:]: c for c in everything if c["Labels"].get("ferryman.app") == app["id"]}
    strangers = [c["Names"][0] for c in everything if not c["Labels"].get("ferryman.role")]
    problems = [f"container {name} is left over" for name in [*sorted(set(mine) - wanted), *strangers]]
    for name in sorted(wanted):
        if name not in mine:
            problems.append(f"container {name} is missing")
            continue
        inside = engine(f"/containers/{mine[name]['Id']}/json")
        state, policy = inside["State"]["Status"], inside["HostConfig"]["RestartPolicy"]["Name"]
        if (state, policy) != ("running", "unless-stopped"):
            problems.append(f"container {name} is {state}, restart policy {policy}")
    return problems


def edge_differences(app: sqlite3.Row, serving: dict[str, Any]) -> list[str]:
    """The running HAProxy, its configuration and the page show the serving release."""
    slot, lane = f"slot{app['slot']}", app["lane"]
    place = f"10.213.{app['subnet']}.{10 if lane == 'a' else 11}:{serving['manifest']['roles']['web']['port']}"
    rows = csv.DictReader(io.StringIO(ask_edge(f"show stat {slot} 4 -1").lstrip("# ").strip()))
    ready = [(row["svname"], row["addr"]) for row in rows if row["status"].startswith(("UP", "no check"))]
    problems = [] if ready == [(lane, place)] else [f"the edge routes to {ready} and not to {lane}, {place}"]
    backend = (STATE / "edge/haproxy.cfg").read_text().partition(f"backend {slot}\n")[2].partition("backend ")[0]
    configured = re.findall(r"server ([ab]) (\S+)$", backend, re.MULTILINE)
    if configured != [(lane, place)]:
        problems.append(f"the edge is configured for {configured} and not for {lane}, {place}")
    connection = http.client.HTTPConnection("127.0.0.1", 80, timeout=5)
    connection.request("GET", "/environment", headers={"Host": serving["manifest"]["domain"]})
    shown = json.loads(connection.getresponse().read() or b"{}").get("FERRYMAN_RELEASE")
    connection.close()
    return problems if shown == str(serving["number"]) else [*problems, f"the edge shows release {shown}"]


def ask_edge(command: str) -> str:
    """HAProxy's answer on its socket."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(5)
        connection.connect(str(STATE / "edge/run/admin.sock"))
        connection.sendall(f"{command}\n".encode())
        return b"".join(iter(lambda: connection.recv(65536), b"")).decode()


def network_differences(connection: sqlite3.Connection) -> list[str]:
    """One network for each app, and the engine's own."""
    wanted = {f"ferryman.{row['id']}" for row in connection.execute("SELECT id FROM app")} | {"bridge", "host", "none"}
    found = {network["Name"] for network in engine("/networks")}
    return [f"network {name} is left over" for name in sorted(found - wanted)]


def left_over(app: str, releases: dict[int, dict[str, Any]]) -> list[str]:
    """Files and images that nothing refers to. What a failed release left is pruned with the next that succeeds."""
    held = {number for number, release in releases.items() if release["state"] in ("healthy", "failed", "candidate")}
    folders = {path.name for path in (STATE / "apps" / app / "releases").iterdir()} - {str(number) for number in held}
    problems = [f"the folder of release {name} is left over" for name in sorted(folders)]
    going = {f"{number}" for number, release in releases.items() if release["state"] == "failed"}
    temporary = [path for path in STATE.rglob("*") if path.name.startswith("tmp") or path.suffix == ".new"]
    temporary = [path for path in temporary if path.parent.name not in going]
    temporary += Path("/tmp").glob("systemd-private-*ferryman-agent*/tmp/*")
    problems += [f"file {path} is left over" for path in temporary]
    references = {f"{releases[number]['image']}@{releases[number]['digest']}" for number in held}
    repository = next(iter(releases.values()))["image"]
    digests = {digest for image in engine("/images/json?digests=1") for digest in image["RepoDigests"] or []}
    extra = {digest for digest in digests if digest.startswith(f"{repository}@")} - references
    return problems + [f"image {digest} is left over" for digest in sorted(extra)]


if __name__ == "__main__":
    if sys.argv[1] == "watch":
        watch(*sys.argv[2:5])
    else:
        settle(sys.argv[2], float(sys.argv[3]))
