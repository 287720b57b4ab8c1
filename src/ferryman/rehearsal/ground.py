"""What the rehearsal stands on for one project: a network, a local registry and a throw-away server."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ferryman.rehearsal.docker import Docker
from ferryman.rehearsal.local_registry import GROUND_LABEL, LocalRegistry
from ferryman.rehearsal.machine import Machine, MachineSpec
from ferryman.rehearsal.stand_ins import HAPROXY, POSTGRES, REGISTRY, Images, has_stand_in
from ferryman.rehearsal.state import GroundState, RegistryState, StateFile

_MADE_OF = (("container", ["rm", "--force", "--volumes"]), ("volume", ["volume", "rm"]), ("network", ["network", "rm"]))


def ground_name(project: Path, app: str) -> str:
    """A name for the ground of the project in this folder that no other folder's project has."""
    return f"{app}-{hashlib.sha256(str(project.resolve()).encode()).hexdigest()[:6]}"


@dataclass(frozen=True)
class Ground:
    """Makes, finds again and removes the ground of the project in `project`."""

    project: Path
    name: str
    report: Callable[[str], None]

    @cached_property
    def docker(self) -> Docker:
        """The docker command."""
        return Docker()

    @cached_property
    def images(self) -> Images:
        """The images of this machine's engine."""
        return Images(self.report, self.docker)

    @property
    def file(self) -> StateFile:
        """Where its state is kept."""
        return StateFile(self.project)

    def up(self, *, with_engine: bool = False) -> GroundState:
        """Have the ground up; what is there already is started where it is stopped, and used.

        1. Registry, with PostgreSQL and HAProxy pushed to it where it is new. 2. Server.
        The state is saved after each, so that nothing that was made is forgotten.
        """
        state = self.file.load() or GroundState(name=self.name)
        registry = state.registry
        if registry is None or not self._exists(registry.container):
            registry = self.make_registry().state
            state = self._save(replace(state, registry=registry))
        else:
            LocalRegistry(registry, self.docker).start()
        machine = state.machine
        if machine is None or not self._exists(machine.container):
            machine = self.make_server([registry], with_engine=with_engine).state
            state = self._save(replace(state, machine=machine))
        else:
            Machine(machine, self.docker).start()
        return state

    def down(self, *, images: bool = False) -> int:
        """Remove everything that carries the ground's label, and its state; how many things that were.

        The stand-in images are dear to make and are kept, unless `images`.
        """
        removed = 0
        state = self.file.load()
        if state and state.machine and self._exists(state.machine.container):
            Machine(state.machine, self.docker).stop()
        for kind, remove in _MADE_OF:
            listing = [kind, "ls", "--quiet", "--filter", f"label={GROUND_LABEL}={self.name}"]
            found = self.docker.run([*listing, *(["--all"] if kind == "container" else [])]).split()
            if found:
                self.docker.run([*remove, *found])
            removed += len(found)
        shutil.rmtree(self.file.folder, ignore_errors=True)
        if images:
            removed += self.images.remove()
        return removed

    def publish(self, names: Iterable[str], registry: RegistryState) -> None:
        """Have images that the server could not pull in the registry that it pulls from; those with a stand-in."""
        for name in sorted(set(names)):
            if has_stand_in(name):
                self.images.ensure(name)
                LocalRegistry(registry, self.docker).publish(name)

    @property
    def network(self) -> str:
        """The name of its network."""
        return f"ferryman-{self.name}"

    def make_registry(self, *, with_auth: bool = False) -> LocalRegistry:
        """Make a registry; one that anybody may use has PostgreSQL and HAProxy in it, as a mirror of Docker Hub."""
        for image in (REGISTRY, POSTGRES, HAPROXY):
            self.images.ensure(image)
        if not self.docker.succeeds(["network", "inspect", self.network]):
            self.docker.run(["network", "create", "--label", f"{GROUND_LABEL}={self.name}", self.network])
        self.report("starting the local registry")
        registry = LocalRegistry.create(self.name, self.docker, network=self.network, with_auth=with_auth)
        if not with_auth:
            for image in (POSTGRES, HAPROXY):
                registry.publish(image)
        return registry

    def make_server(
        self, registries: Sequence[RegistryState], *, name: str = "server", with_engine: bool = False
    ) -> Machine:
        """Make a server whose engine takes the first of `registries` as its mirror; remains of one are removed."""
        spec = MachineSpec(
            ground=self.name,
            keys=(self.file.folder / "keys").resolve(),
            registries=tuple(registries),
            name=name,
            with_engine=with_engine,
        )
        self.report("starting the throw-away server")
        return Machine.create(spec, self.images)

    def _exists(self, container: str) -> bool:
        return self.docker.succeeds(["container", "inspect", container])

    def _save(self, state: GroundState) -> GroundState:
        self.file.save(state)
        return state
