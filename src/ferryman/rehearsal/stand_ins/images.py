"""The images of the rehearsal: the real ones where they can be pulled, else stand-ins made of Debian's packages."""

from __future__ import annotations

import hashlib
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import cache
from pathlib import Path

import httpx

from ferryman.errors import UsageError
from ferryman.rehearsal.docker import Docker, DockerError
from ferryman.rehearsal.polling import turn
from ferryman.rehearsal.stand_ins.debootstrap import authority_bundle, cache_folder, ensure_base_image

DEBIAN = "debian:trixie-slim"
PYTHON = "python:3.13-slim-trixie"
POSTGRES = "postgres:17"
HAPROXY = "haproxy:3.0"
REGISTRY = "registry:2"
STAND_INS = {DEBIAN: "debian", PYTHON: "python", POSTGRES: "postgres", HAPROXY: "haproxy", REGISTRY: "registry"}
ACCESSORIES = ("redis", "memcached", "rabbitmq")  # official repositories, which have a stand-in whatever their tag
NODE = re.compile(r"node:(?!.*alpine)[\w.-]+")  # a stand-in is Debian's, and has the packages that such images have

_STAND_IN_LABEL = "ferryman.stand-in"
_RECIPE_LABEL = "ferryman.recipe"
_PROBE_SECONDS = 8
_PULL_SECONDS = 600
_LOCK = "images.lock"


class Origin(Enum):
    """Where an image came from."""

    REAL = "real"
    STAND_IN = "stand-in"


@dataclass(frozen=True)
class Images:
    """Brings images to this machine's engine. `report` gets one line for each thing that takes time.

    Processes take turns at it, so that two rehearsals at once make an image once.
    """

    report: Callable[[str], None]
    docker: Docker = field(default_factory=Docker)

    def ensure(self, name: str) -> Origin:
        """Have the image `name` (`repository:tag`) in the engine.

        1. A real one that is there is used. 2. One that can be pulled is pulled. 3. A stand-in that is there and
        made by today's recipe is used. 4. A stand-in is built, under exactly that name, labelled, and reported.
        UsageError `image-unreachable` when it can't be pulled and nothing stands in for it.
        """
        with turn(cache_folder() / _LOCK):
            return self._ensure(name)

    def _ensure(self, name: str) -> Origin:
        local = self._label(name, _STAND_IN_LABEL)
        if local == "":
            return Origin.REAL
        if hub_is_reachable(tuple(self.docker.command)) and self._pull(name):
            return Origin.REAL
        if not has_stand_in(name):
            others = ", ".join([*sorted(STAND_INS), *ACCESSORIES, "node"])
            raise UsageError(
                "image-unreachable",
                f"the image {name} can't be pulled, and nothing stands in for it",
                hint=f"give the engine a way to Docker Hub, or use one of {others}",
            )
        recipe = _recipe(name)
        if self._label(name, _RECIPE_LABEL) != recipe:
            self._build(name, recipe)
        return Origin.STAND_IN

    def ensure_all(self) -> frozenset[str]:
        """Have every image of the rehearsal; the names of those that are stand-ins."""
        return frozenset(name for name in STAND_INS if self.ensure(name) is Origin.STAND_IN)

    def present_stand_ins(self) -> frozenset[str]:
        """The names of the stand-ins that this machine's engine has."""
        listing = ["images", "--filter", f"label={_STAND_IN_LABEL}=true", "--format", "{{.Repository}}:{{.Tag}}"]
        try:
            labelled = self.docker.run(listing).split()
        except DockerError:  # whoever needs the engine will say so
            return frozenset()
        # By name, for an image that was built on a stand-in has its labels too
        return frozenset(name for name in labelled if has_stand_in(name))

    def ensure_server(self, *, with_engine: bool) -> str:
        """Have the image of the throw-away server, bare or with Docker Engine installed; its name."""
        self.ensure(DEBIAN)
        target = "engine" if with_engine else "bare"
        tag = f"ferryman-rehearsal/server:{target}"
        recipe = _digest(_folder_recipe("server").encode(), _folder_recipe(STAND_INS[DEBIAN]).encode())
        with turn(cache_folder() / _LOCK):
            if self._label(tag, _RECIPE_LABEL) != recipe:
                self.report(f"building the image of the throw-away server, {target} (once per machine)")
                self._build_context("server", tag, {_RECIPE_LABEL: recipe}, target)
        return tag

    def remove(self) -> int:
        """Remove the stand-ins and the images of throw-away servers, but those in use; how many were removed."""
        # By name, for an image that was built on a stand-in has its labels too
        others = self.docker.run(["images", "--format", "{{.Repository}}:{{.Tag}}", "ferryman-rehearsal/*"]).split()
        return sum(self.docker.succeeds(["rmi", name]) for name in [*self.present_stand_ins(), *others])

    def _build(self, name: str, recipe: str) -> None:
        if name == DEBIAN:
            ensure_base_image(self.docker, self.report)
        else:
            self._ensure(DEBIAN)
        self.report(f"{name} can't be pulled here: building a stand-in (once per machine)")
        arguments = {"TAG": name.partition(":")[2]} if NODE.fullmatch(name) else {}
        self._build_context(_folder(name), name, {_STAND_IN_LABEL: "true", _RECIPE_LABEL: recipe}, arguments=arguments)

    def _build_context(
        self,
        folder: str,
        tag: str,
        labels: dict[str, str],
        target: str = "",
        arguments: Mapping[str, str] | None = None,
    ) -> None:
        with tempfile.TemporaryDirectory(prefix="ferryman-build-") as scratch:
            context = Path(scratch) / folder
            shutil.copytree(_files() / folder, context)
            (context / "host-ca.crt").write_bytes(authority_bundle())
            self.docker.build(context, tag, labels=labels, target=target, arguments=arguments)

    def _pull(self, name: str) -> bool:
        self.report(f"pulling {name}")
        return self.docker.succeeds(["pull", "--quiet", name], timeout=_PULL_SECONDS)

    def _label(self, name: str, label: str) -> str | None:
        """The label's value, "" where the image has no such label, None where there is no such image."""
        template = f'{{{{if .Config.Labels}}}}{{{{index .Config.Labels "{label}"}}}}{{{{end}}}}'
        try:
            return self.docker.run(["image", "inspect", "--format", template, name]).strip()
        except DockerError:
            return None


@cache
def hub_is_reachable(command: tuple[str, ...]) -> bool:
    """Whether the engine can reach Docker Hub; asked of the engine once per process.

    The engine is asked what it sees of a small image, since its network, proxy and mirrors count, not ours.
    An engine that is not on a Unix socket of this machine is taken to reach it: the pull itself tells.
    """
    docker = Docker(command)
    endpoint = docker.run(["context", "inspect", "--format", "{{.Endpoints.docker.Host}}"]).strip()
    if not endpoint.startswith("unix://"):
        return True
    transport = httpx.HTTPTransport(uds=endpoint.removeprefix("unix://"))
    try:
        with httpx.Client(transport=transport, timeout=_PROBE_SECONDS) as client:
            return client.get(f"http://engine/distribution/{DEBIAN}/json").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def has_stand_in(name: str) -> bool:
    """Whether an image, `repository:tag`, can be made here of Debian's packages."""
    repository, _, tag = name.partition(":")
    is_like = repository in ACCESSORIES or NODE.fullmatch(name)
    return name in STAND_INS or bool(is_like and tag and "@" not in name)


def _folder(name: str) -> str:
    """The folder of a stand-in's files."""
    return STAND_INS.get(name) or name.partition(":")[0]


def _files() -> Path:
    return Path(__file__).parent / "files"


def _recipe(name: str) -> str:
    """What a stand-in is made by: its own files, and those of the Debian that it starts from."""
    own = _folder_recipe(_folder(name))
    return own if name == DEBIAN else _digest(own.encode(), _folder_recipe(STAND_INS[DEBIAN]).encode())


def _folder_recipe(folder: str) -> str:
    files = sorted(path for path in (_files() / folder).rglob("*") if path.is_file())
    return _digest(authority_bundle(), *(part for path in files for part in (path.name.encode(), path.read_bytes())))


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()[:16]
