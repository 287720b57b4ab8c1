"""SIGINT, SIGTERM and SIGHUP: before anything was asked of a server they end the call; afterwards somebody decides."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from ferryman.errors import FerrymanError

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(KeyboardInterrupt):
    """A signal came while nothing had been asked of a server; it is raised where the program stands."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


class Interrupted(FerrymanError):
    """A signal ended the call; its exit status is that of a process which the signal ended."""

    def __init__(self, number: int, state: str = "nothing was asked of the server") -> None:
        super().__init__("stopped-here", f"stopped by {signal.Signals(number).name}", state=state)
        self.exit_status = 128 + number


class Signals:
    """Takes the signals while it is entered; `came` has those that came. One that the caller ignores stays ignored.

    Once they were handed to somebody they end nothing here any more: something was asked, and has an outcome.
    """

    def __init__(self) -> None:
        self.came: list[int] = []
        self._take: Callable[[int], None] | None = None
        self._has_asked = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python lets no other thread take signals
            kept = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
            self._before = {number: signal.signal(number, self._came) for number in kept}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        if isinstance(error, Stopped):
            raise Interrupted(error.number) from None

    @contextmanager
    def into(self, take: Callable[[int], None]) -> Iterator[None]:
        """Inside it a signal is handed to `take`, which must do no more than remember it."""
        self._take, self._has_asked = take, True
        try:
            yield
        finally:
            self._take = None

    def _came(self, number: int, _: FrameType | None) -> None:
        self.came.append(number)
        if self._take:
            self._take(number)
        elif not self._has_asked:
            raise Stopped(number)


def has_terminal() -> bool:
    """True when there is a person who can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()
