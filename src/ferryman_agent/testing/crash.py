"""Crashes: the agent's process ends before or after its n-th effect, or ledger write."""

from __future__ import annotations

from typing import Any, TypeVar, cast

T = TypeVar("T")
DOCKER_EFFECTS = frozenset(
    {"pull", "create", "start", "stop", "remove", "keep", "ensure_network", "ensure_volume", "run"}
    | {"connect"}
    | {"remove_image", "remove_network", "remove_volume"}
)
DOCKER_READS = frozenset({"workload", "workloads", "image", "images", "wait", "facts", "volume_folder", "volumes"})
EDGE_EFFECTS = frozenset({"agree", "cut", "remove"})
LEDGER_EFFECTS = frozenset(
    {"add_app", "add_release", "mark_releases", "commit", "set_degraded", "begin", "target", "finish", "add_event"}
    | {"commit_change", "remove_app", "set_downtime", "add_accessory", "forget_candidate_accessories"}
    | {"begin_run", "skip_run", "finish_run"}
)


class Crash(BaseException):
    """The agent's process ends here; nothing in it may catch this."""


class CrashPoint:
    """Ends the process at the n-th passage; `passed` names the passages, so that a first run counts them."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.passed: list[str] = []
        self._is_dead = False

    def passing(self, where: str) -> None:
        """Raise Crash at the chosen passage, and for ever after: a dead process does nothing more."""
        if not self._is_dead:
            self.passed.append(where)
            self._is_dead = len(self.passed) - 1 == self.at
        if self._is_dead:
            raise Crash(where)

    def reading(self, name: str) -> None:
        """A look at the engine, not an effect."""


class _Crashing:
    def __init__(self, target: object, point: CrashPoint, effects: frozenset[str]) -> None:
        self._target, self._point, self._effects = target, point, effects

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._target, name)
        if name in DOCKER_READS:
            self._point.reading(name)
        if name not in self._effects:
            return found

        def act(*arguments: Any, **named: Any) -> Any:
            self._point.passing(f"before {name}")
            answer = found(*arguments, **named)
            self._point.passing(f"after {name}")
            return answer

        return act


def crashing(target: T, point: CrashPoint, effects: frozenset[str]) -> T:
    """The same object, with a crash point before and after each of the named methods."""
    return cast("T", _Crashing(target, point, effects))
