"""Room: what a deploy needs of disk, inodes and memory, what the server has, and what pruning makes of it."""

from __future__ import annotations

from dataclasses import dataclass

from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.host import Host
from ferryman_agent.host.network import prepare_network
from ferryman_agent.host.resources import Filesystem
from ferryman_agent.host.serving import committed, postgres_of, serving_state
from ferryman_agent.ledger import App, Release
from ferryman_agent.manifest import Manifest
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.orders import DeployOrder
from ferryman_agent.transaction.steps.step import Step, always
from ferryman_agent.transaction.steps.teardown.retention import prune
from ferryman_agent.transaction.steps.teardown.stopping import stop_all
from ferryman_agent.transaction.transaction import Transaction

MIB = 1 << 20
ENGINE_RESERVE_BYTES = 256 * MIB  # logs, and what PostgreSQL writes meanwhile
STATE_RESERVE_BYTES = 32 * MIB  # ledger, a release's files
UNKNOWN_IMAGE_BYTES = 512 * MIB
NEW_DATABASE_BYTES = 128 * MIB
INODES = 1_000
IMAGE_INODES = 30_000  # a Python base with a project's dependencies has 10,000 to 25,000 files
FIRST_MEMORY_BYTES = 64 * MIB
FULL_BYTES = 8 * MIB
HINTS = {
    "disk": "on the server: docker system df; a larger disk, or a smaller image",
    "inodes": "on the server: df -i",
    "memory": "on the server: free -m; stop what is not needed, or take a larger server",
}


@dataclass(frozen=True)
class Need:
    """What is needed of a resource at a place, and what for: reason → how much. `has` None: without limit."""

    resource: str
    place: str
    has: int | None
    reasons: dict[str, int]

    @property
    def needed(self) -> int:
        """All together."""
        return sum(self.reasons.values())

    @property
    def is_met(self) -> bool:
        """True when there is enough."""
        return self.has is None or self.has >= self.needed

    def told(self) -> str:
        """One sentence with the figures."""
        parts = ", ".join(f"{self._shown(amount)} {reason}" for reason, amount in self.reasons.items() if amount)
        has, needed = self._shown(self.has or 0), self._shown(self.needed)
        return f"{self.place} has {has} of {self.resource} free, this needs {needed}: {parts}"

    def _shown(self, amount: int) -> str:
        return f"{amount:,}" if self.resource == "inodes" else f"{-(-amount // MIB):,} MiB"


@dataclass(frozen=True)
class Wanted:
    """What is about to run; `image_bytes` is what the client knows of the image's size."""

    manifest: Manifest
    release: Release
    image_bytes: int | None = None
    is_migrated: bool = True


def needs(engine: Filesystem, state: Filesystem, memory: int | None, wanted: dict[str, dict[str, int]]) -> list[Need]:
    """Pure: every need; a disk that holds both the engine's and the agent's files is asked once for the sum."""
    disk, inodes = dict(wanted["disk"]), dict(wanted["inodes"])
    if engine.device == state.device:
        disk["for the agent's files"] = STATE_RESERVE_BYTES
    found = [Need("disk", engine.folder, engine.free_bytes, disk)]
    if engine.device != state.device:
        found.append(Need("disk", state.folder, state.free_bytes, {"for the agent's files": STATE_RESERVE_BYTES}))
        found.append(Need("inodes", state.folder, state.free_inodes, {"for the agent's files": INODES}))
    found.append(Need("inodes", engine.folder, engine.free_inodes, inodes))
    found.append(Need("memory", "the server", memory, wanted["memory"]))
    return found


def _wanted(host: Host, app: App, what: Wanted) -> dict[str, dict[str, int]]:
    """What image, database and the new web container need; measured where it can be, and guessed where not."""
    is_here = host.engine.image(what.release.reference) is not None
    image = 0 if is_here else (what.image_bytes or _image_like(host, app)) * 3 // 2  # layers come packed, and unpacked
    database = _database_bytes(host, app) if what.manifest.database and what.is_migrated else 0
    return {
        "disk": {"in reserve": ENGINE_RESERVE_BYTES, "for the image": image, "for the database": database},
        "inodes": {"in reserve": INODES, "for the image": 0 if is_here else IMAGE_INODES},
        "memory": _web_memory(host, app, what.manifest),
    }


def _image_like(host: Host, app: App) -> int:
    """The size of what serves, as a guess at what comes."""
    target = committed(host, app)
    image = host.engine.image(target.release.reference) if target else None
    return image.size if image and image.size else UNKNOWN_IMAGE_BYTES


def _database_bytes(host: Host, app: App) -> int:
    """A migration may write a table anew; a new PostgreSQL needs room for itself."""
    try:
        return postgres_of(host, app).size() or NEW_DATABASE_BYTES
    except AgentError:
        return NEW_DATABASE_BYTES


def _web_memory(host: Host, app: App, manifest: Manifest) -> dict[str, int]:
    """What the serving web container uses now, and a quarter more; at most the limit.

    One that stops before the new one starts leaves it what it uses.
    """
    target = committed(host, app)
    used = (host.engine.memory_of(target.container("web")) if target else None) or 0
    needed = min(manifest.memory, max(FIRST_MEMORY_BYTES, used * 5 // 4))
    if manifest.is_published:
        return {"for the new web container, in the old one's place": max(0, needed - used)}
    return {"for the new web container": needed}


def make_room(host: Host, app: App, what: Wanted, entry: StepEntry) -> None:
    """Measure; prune what no app retains when something is short, and measure again.

    Refused `disk-full`, `inodes-exhausted` or `memory-short`, with the figures, when that is not enough.
    """
    root = host.engine.facts().folder
    wanted = _wanted(host, app, what)

    def measured() -> list[Need]:
        return needs(host.filesystem(root), host.filesystem(host.folder), host.memory(), wanted)

    found = measured()
    if any(not need.is_met and need.resource != "memory" for need in found):
        entry.detail = f"; {prune_all(host, app, what.release.number)} images removed"
        found = measured()
    for need in found:
        if not need.is_met:
            raise _refused(app, need, entry.detail)
    free = found[0].has or 0
    memory = "" if found[-1].has is None else f", {found[-1].has // MIB:,} MiB of memory"
    entry.detail = f"{free // MIB:,} MiB free{memory}{entry.detail}"


def _refused(app: App, need: Need, pruned: str) -> Refused:
    kind = need.resource
    code = "disk-full" if kind == "disk" else "inodes-exhausted" if kind == "inodes" else "memory-short"
    return Refused(
        code, need.told() + pruned, state=f"{serving_state(app)}; nothing was changed", hint=HINTS[need.resource]
    )


def prune_all(host: Host, app: App, target: int) -> int:
    """Remove what retention does not hold; how many images went.

    Of `app`, but not its release `target`, and of every other app that nothing is under way for.
    """
    busy = {deployment.app for deployment in host.ledger.unfinished()}
    others = [other for other in host.ledger.apps() if other.id not in busy | {app.id}]
    return sum(prune(host, other) for other in others) + prune(host, app, keep=target)


def full_place(host: Host) -> str | None:
    """The folder whose disk has nothing left, None when there is room."""
    try:
        folders = [host.engine.facts().folder, host.folder]
    except AgentError:
        folders = [host.folder]
    for folder in folders:
        found = host.filesystem(folder)
        if found.free_bytes < FULL_BYTES or found.free_inodes == 0:
            return found.folder
    return None


def _room_to_deploy(transaction: Transaction, entry: StepEntry) -> None:
    """Room; then the first effects: the app's network, the edge's port, the release in the ledger."""
    host, order, chosen = transaction.host, transaction.order, transaction.facts.release
    assert chosen is not None  # noqa: S101 - a deploy and a rollback have one
    size = order.image_bytes if isinstance(order, DeployOrder) else None
    make_room(host, transaction.app, Wanted(transaction.manifest, chosen, size), entry)
    _have_ground(transaction)
    deployment = transaction.journal.deployment.id
    if isinstance(order, DeployOrder):
        transaction.release = host.ledger.add_release(deployment, chosen)
    else:
        host.ledger.target(deployment, chosen.number)
        transaction.release = chosen


def _have_ground(transaction: Transaction) -> None:
    host = transaction.host
    prepare_network(host.engine, host.ledger, transaction.app)
    host.routing.open(transaction.manifest)


def _room_to_restart(transaction: Transaction, entry: StepEntry) -> None:
    wanted = Wanted(transaction.manifest, transaction.candidate, is_migrated=False)
    make_room(transaction.host, transaction.app, wanted, entry)
    _have_ground(transaction)


def _stop_again(transaction: Transaction) -> None:
    """PostgreSQL and accessories of a stopped app were needed for the candidate alone."""
    if transaction.app.stopped:
        stop_all(transaction.host, transaction.app)


PLAN = always("check disk, inodes and memory")
ROOM = Step(StepName.ROOM, PLAN, _room_to_deploy, undo=_stop_again)
ROOM_TO_RESTART = Step(StepName.ROOM, PLAN, _room_to_restart, undo=_stop_again)
