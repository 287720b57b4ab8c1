"""Events as both sides tell them: steps with seconds, and log lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

OnEvent = Callable[[dict[str, Any]], None]


class Step:
    """A running step; `detail` is shown with its outcome."""

    def __init__(self) -> None:
        self.detail = ""


@contextmanager
def step(name: str, on_event: OnEvent) -> Iterator[Step]:
    """Tell of a step that the client itself carries out, in the form of the agent's events."""
    running, began = Step(), time.monotonic()

    def tell(state: str, seconds: float | None) -> None:
        body = {"kind": "step", "step": name, "state": state, "seconds": seconds, "detail": running.detail}
        on_event(body)

    tell("started", None)
    try:
        yield running
    except BaseException:
        tell("failed", round(time.monotonic() - began, 3))
        raise
    tell("done", round(time.monotonic() - began, 3))
