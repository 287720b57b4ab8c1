"""The cells of the matrix: every step of a deploy times every fault, and what may come of each."""

from __future__ import annotations

from dataclasses import dataclass

STEPS = (
    *("preflight", "room", "pull", "database", "start web", "healthy"),
    *("commit", "switch", "drain", "stop old", "roles", "retain"),
)
COMMIT = STEPS.index("commit")
UNTIL_PULL = STEPS.index("pull")


@dataclass(frozen=True)
class Fault:
    """One fault: who strikes, and what a deploy may come to that was not committed when it struck.

    `act` is what is done inside the server. `until_pull` is what may come of it up to the pull, where that differs.
    `is_outage`: it takes something away that requests need; in all other cases none may be lost.
    """

    name: str
    told: str
    act: str
    outcomes: frozenset[str]
    is_outage: bool = False
    until_pull: frozenset[str] | None = None


GOES_ON = frozenset({"succeeded"})
FAULTS = {
    fault.name: fault
    for fault in (
        Fault("agent-sigkill", "the agent is killed", "agent", frozenset({"interrupted"})),
        Fault("power-cut", "the server's power is cut", "hold", frozenset({"interrupted"}), is_outage=True),
        Fault(
            "engine-restart", "the Docker Engine restarts", "engine", frozenset({"failed", "succeeded"}), is_outage=True
        ),
        Fault("client-sigint", "the client gets SIGINT", "hold", frozenset({"cancelled"})),
        Fault("client-sigterm", "the client gets SIGTERM", "hold", frozenset({"cancelled"})),
        Fault("client-sigkill", "the client gets SIGKILL", "hold", GOES_ON),
        Fault("ssh-cut", "the SSH connection is cut", "hold", GOES_ON),
        Fault("edge-sigkill", "the edge is killed", "edge", GOES_ON, is_outage=True),
        Fault(
            "postgres-sigkill",
            "PostgreSQL is killed",
            "postgres",
            frozenset({"failed", "succeeded"}),
            is_outage=True,
        ),
        Fault("registry-away", "the registry is away", "hold", GOES_ON, until_pull=frozenset({"failed"})),
    )
}


@dataclass(frozen=True)
class Cell:
    """A fault at a step."""

    fault: Fault
    step: str

    @property
    def key(self) -> str:
        """Its name in the results."""
        return f"{self.fault.name} at {self.step}"

    def allows(self, outcome: str, hit: str, *, was_committed: bool) -> bool:
        """Whether a deployment may come to this, when the agent was held in the step `hit`.

        A committed one must succeed. In the step of the commit the fault may have come before it or after.
        """
        if was_committed or STEPS.index(hit) > COMMIT:
            return outcome == "succeeded"
        if hit == "commit" and outcome == "succeeded":
            return True
        before = self.fault.until_pull
        if before is not None and STEPS.index(hit) <= UNTIL_PULL:
            return outcome in before or (hit == "pull" and outcome in self.fault.outcomes)
        return outcome in self.fault.outcomes


def cells(faults: list[str], steps: list[str]) -> list[Cell]:
    """Those of the named faults and steps; of all where none is named. Step by step, so that a slice has all kinds."""
    return [Cell(FAULTS[name], step) for step in steps or STEPS for name in faults or FAULTS]


SUBSET = [
    Cell(FAULTS["agent-sigkill"], "drain"),
    Cell(FAULTS["ssh-cut"], "switch"),
    Cell(FAULTS["power-cut"], "commit"),
]
