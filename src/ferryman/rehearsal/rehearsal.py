"""The rehearsal: the whole path from commit to page against a throw-away server on this machine."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ferryman.config import Configuration, load_configuration
from ferryman.destination import REHEARSAL, Destination
from ferryman.errors import DeployFailed
from ferryman.events import OnEvent, step
from ferryman.git.repository import find_repository
from ferryman.image.instructions import base_images
from ferryman.rehearsal.destination import rehearsal_destination, rehearsal_server, server_target
from ferryman.rehearsal.engine import ensure_engine
from ferryman.rehearsal.ground import Ground, ground_name
from ferryman.rehearsal.looking import look
from ferryman.rehearsal.polling import wait_until
from ferryman.rehearsal.stand_ins import has_stand_in, hub_is_reachable
from ferryman.rehearsal.state import MachineState, StateFile
from ferryman.server import SetupRequest, setup_server
from ferryman.shipping.options import DeployOptions
from ferryman.shipping.report import ShippingReport
from ferryman.shipping.story import Shipping

REPORTS_PATH = "/api/v1/reports/"
EDGE_PORT = 8000
OUTBOX_SECONDS = 60


@dataclass(frozen=True)
class Rehearsed:
    """What a rehearsal left running; `notes` say what is to be checked of its pages."""

    url: str
    result: dict[str, Any]
    notes: tuple[str, ...] = ()


def rehearse(path: Path, options: DeployOptions, variables: Mapping[str, str], on_event: OnEvent) -> Rehearsed:
    """Ship the project to a throw-away server, and leave it running.

    1. Docker Engine. 2. Base images, registry and server; what is there already is used. 3. `server setup`, as for a
    real server. 4. Build, push, deploy. 5. Where the app is itself the Harbour: its first server token, and wait until
    it has taken all reports.
    """
    with StateFile(load_configuration(path).root).held():
        return _rehearse(path, options, variables, on_event)


def _rehearse(path: Path, options: DeployOptions, variables: Mapping[str, str], on_event: OnEvent) -> Rehearsed:
    configuration = load_configuration(path)

    def log(line: str) -> None:
        on_event({"kind": "note", "text": line})

    with step("engine", on_event):
        ensure_engine(log)
    ground = Ground(configuration.root, ground_name(configuration.root, configuration.app.name), log)
    with step("ground", on_event) as made:
        is_cut_off = not hub_is_reachable(tuple(ground.docker.command))
        if is_cut_off:
            _ensure_bases(configuration, ground)
        state = ground.up()
        if is_cut_off and state.registry:
            ground.publish((found.image for found in configuration.accessories.values()), state.registry)
        made.detail = f"server {state.machine.container}" if state.machine else ""
    machine = rehearsal_server(configuration.root)
    with step("setup", on_event) as setup:
        setup.detail = _set_up(machine, ground.file.folder, log)
    destination = rehearsal_destination(configuration)
    report = ShippingReport("Deploy", REHEARSAL)
    result = Shipping(destination, variables, report, on_event).deploy(options)
    if configuration.reports and configuration.reports.token_command:
        with step("reports", on_event) as reports:
            reports.detail = connect_harbour(destination, configuration.reports.token_command, machine.container)
    url = f"http://127.0.0.1:{machine.app_port}"
    with step("pages", on_event) as pages:
        notes = look(url, configuration.app.roles.web.health)
        pages.detail = f"{len(notes)} to check" if notes else "they answer, with their files"
    return Rehearsed(url, result, tuple(notes))


def _ensure_bases(configuration: Configuration, ground: Ground) -> None:
    """Have the images that the Dockerfile starts from, as far as something can stand in for them."""
    repository = find_repository(configuration.root)
    path = repository.root / repository.context(configuration.app.context) / configuration.app.dockerfile
    text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    for name in base_images(text):
        if has_stand_in(name):
            ground.images.ensure(name)


def down(path: Path, log: Callable[[str], None], *, images: bool = False) -> int:
    """Remove everything that the rehearsal of this project made; how many things that were."""
    configuration = load_configuration(path)
    ground = Ground(configuration.root, ground_name(configuration.root, configuration.app.name), log)
    with ground.file.held():
        return ground.down(images=images)


def _set_up(machine: MachineState, folder: Path, log: Callable[[str], None]) -> str:
    request = SetupRequest(
        target=server_target(machine),
        state_directory=folder,
        admin_user="root",
        admin_identity=machine.identity,
    )
    outcome = setup_server(request, lambda done: log(f"{done.step}: {done.detail or 'ok'}"))
    return f"engine {outcome.engine}, {outcome.changed} changes"


def connect_harbour(destination: Destination, token_command: tuple[str, ...] | list[str], server: str) -> str:
    """Make the server's first token in the app that was just deployed, report there, and wait until all is taken."""
    link = destination.link
    if link.request("outbox", {})["url"] is None:
        token = _run(destination, [*token_command, server]).strip()
        link.request("reports.set", {"url": f"http://127.0.0.1:{EDGE_PORT}{REPORTS_PATH}", "token": token})
    wait_until(
        lambda: not link.request("outbox", {})["waiting"], "Harbour has taken all reports", seconds=OUTBOX_SECONDS
    )
    return urlsplit(str(link.request("outbox", {})["url"])).path


def _run(destination: Destination, command: list[str]) -> str:
    """What a command wrote on standard output inside the app's container."""
    output: dict[str, bytes] = {"stdout": b"", "stderr": b""}
    with destination.link.open("exec", {**destination.app, "role": "web", "command": command}) as conversation:
        conversation.send({"eof": True})
        for message in conversation:
            event = message.get("event", {})
            if event.get("kind") == "output":
                output[event["stream"]] += base64.b64decode(event["data"])
        code = conversation.result["exit_code"]
    if code != 0:
        lines = output["stderr"].decode(errors="replace").splitlines()[-10:]
        raise DeployFailed(
            "token-command-failed",
            f"[reports] token_command ended with exit code {code}",
            state="the release serves; it is not told of deployments",
            details={"exit_code": code, "log": lines},
        )
    return output["stdout"].decode()
