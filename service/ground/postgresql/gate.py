"""Turns callers away at once while the database is lost, and lets one at a time try whether it is back."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import structlog

RETRY_SECONDS = 0.5
REMINDER_SECONDS = 10.0
log = structlog.get_logger("harbour.database")


class DatabaseLost(psycopg.OperationalError):
    """Nobody was asked: the last attempt to connect has failed a moment ago."""


class Gate:
    """Open while connections are got; closed after one was not, until one is.

    One for each process. The log tells that the database is lost, tells it again now and then, and tells that it is
    back: never once for each request.
    """

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        """Start open; `seconds` is a clock that never goes back."""
        self._seconds = seconds
        self._lock = threading.Lock()
        self._is_open = True
        self._is_tried = False
        self._retry_at = self._remind_at = self._lost_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether the last attempt has got a connection."""
        return self._is_open

    @contextmanager
    def passage(self) -> Iterator[None]:
        """Get a connection inside. Raises DatabaseLost when it is not this caller's turn to try."""
        is_trial = not self._is_open
        if is_trial:
            self._take_turn()
        try:
            yield
        except psycopg.OperationalError as error:
            self.close(str(error))
            raise
        else:
            if not self._is_open:
                self._open()
        finally:
            if is_trial:
                self._is_tried = False

    def _take_turn(self) -> None:
        with self._lock:
            if self._is_open:
                return
            if self._is_tried or self._seconds() < self._retry_at:
                raise DatabaseLost("the database is lost; it is tried again in a moment")
            self._is_tried = True

    def close(self, reason: str) -> None:
        """Turn callers away from here on, for a moment."""
        with self._lock:
            now = self._seconds()
            self._retry_at = now + RETRY_SECONDS
            if self._is_open:
                self._lost_at = now
            elif now < self._remind_at:
                return
            self._is_open = False
            self._remind_at = now + REMINDER_SECONDS
        log.warning("database lost", seconds=round(now - self._lost_at, 1), reason=reason.strip())

    def _open(self) -> None:
        with self._lock:
            if self._is_open:
                return
            self._is_open = True
        log.warning("database back", seconds=round(self._seconds() - self._lost_at, 1))
