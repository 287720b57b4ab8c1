"""What a command says to a person: lines on standard error, coloured on a terminal, plain elsewhere."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from ferryman.github.run import is_github, uncommanding

if TYPE_CHECKING:
    from rich.console import Console

# What Rich leaves out of every text.
STEERING = dict.fromkeys((7, 8, 11, 12, 13))
TAB_COLUMNS = 8


class Messages:
    """Standard error, or `stream`. When its reader leaves, the command goes on, and its exit status still tells the
    outcome.

    What an app, a server or a commit says is no command to the GitHub run that this is part of. Rich is loaded for a
    terminal alone.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._given = stream
        self._is_quiet = False
        self._console: Console | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether a person watches, for whom lines may change and have colours."""
        console = self.console
        return console is not None and console.is_terminal

    @property
    def console(self) -> Any:
        """Rich's console where there may be a terminal, else None."""
        if self._console is None and _may_be_terminal(self._stream):
            from ferryman.cli.terminal import TerminalConsole

            self._console = TerminalConsole(self._given, self._leave)
        return self._console

    def print(self, text: str = "", *, style: str = "", end: str = "\n") -> None:
        """Print text, as data: nothing in it is markup."""
        shown = uncommanding(text) if is_github(os.environ) else text
        if self._is_quiet:
            return
        if self.console is not None:
            options = {"markup": False, "highlight": False, "soft_wrap": True}
            self.console.print(shown, style=style or None, end=end, **options)
            return
        try:
            self._stream.write(shown.translate(STEERING).expandtabs(TAB_COLUMNS) + end)
            self._stream.flush()
        except BrokenPipeError:
            self._leave()

    @property
    def _stream(self) -> TextIO:
        return self._given or sys.stderr

    def _leave(self) -> None:
        """Say nothing more, instead of ending the command."""
        self._is_quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stderr.fileno())


def _may_be_terminal(stream: TextIO) -> bool:
    """Whether Rich must be asked: a terminal, or variables with which a person says that it is one."""
    return stream.isatty() or bool(os.environ.get("FORCE_COLOR")) or os.environ.get("TTY_COMPATIBLE") == "1"


messages = Messages()
