"""The rehearsal of a project as a destination: the link to its throw-away server, and its own registry."""

from __future__ import annotations

from pathlib import Path

from ferryman.config import Configuration, manifest
from ferryman.destination import REHEARSAL, Destination
from ferryman.errors import UsageError
from ferryman.link import SshLink, Target
from ferryman.rehearsal.stand_ins import Images
from ferryman.rehearsal.state import MachineState, StateFile

DEPLOY_USER = "ferryman"


def rehearsal_destination(configuration: Configuration) -> Destination:
    """The server that the rehearsal made, reached as its operator. UsageError `rehearsal-missing`."""
    state = StateFile(configuration.root).load()
    link = SshLink(server_target(rehearsal_server(configuration.root)))
    registry = state.registry.address if state and state.registry else None
    told = manifest(configuration, REHEARSAL, None)
    return Destination(configuration, REHEARSAL, told, link, registry, Images(lambda _: None).present_stand_ins())


def rehearsal_server(project: Path) -> MachineState:
    """The throw-away server of a project. UsageError `rehearsal-missing` where there is none."""
    state = StateFile(project).load()
    if state is None or state.machine is None:
        raise UsageError(
            "rehearsal-missing", "there is no rehearsal of this project on this machine", hint="ferryman rehearse"
        )
    return state.machine


def server_target(machine: MachineState) -> Target:
    """Where the link to a throw-away server goes."""
    return Target("127.0.0.1", machine.ssh_port, DEPLOY_USER, machine.host_key, machine.identity, REHEARSAL)
