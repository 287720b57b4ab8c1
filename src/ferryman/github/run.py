"""What a command tells the GitHub run that it is part of: a summary in Markdown, and annotations."""

from __future__ import annotations

import html
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

SUMMARY_VARIABLE = "GITHUB_STEP_SUMMARY"
LONGEST_ANNOTATION = 4000
COMMAND = re.compile(r"((?:^|[\r\n])\s*)::")
MEANING = frozenset('&<>"|`*_[]\\~@#!')  # characters that mean something to Markdown or HTML


def is_github(variables: Mapping[str, str]) -> bool:
    """Whether this process is part of a run of GitHub Actions."""
    return variables.get("GITHUB_ACTIONS") == "true"


def add_to_summary(markdown: str, variables: Mapping[str, str]) -> None:
    """Append to the run's summary, where there is one; a summary that can't be written fails nothing."""
    path = variables.get(SUMMARY_VARIABLE, "")
    if not path:
        return
    try:
        with Path(path).open("a", encoding="utf-8") as file:
            file.write(markdown.rstrip("\n") + "\n\n")
    except OSError as error:
        sys.stderr.write(f"the run's summary can't be written: {error.strerror}\n")


def annotation(level: str, message: str, *, title: str = "", file: str = "", line: int = 0) -> str:
    """A line that GitHub shows at the run, or at a line of a file. `level` is error, warning or notice.

    What others wrote (a log line, a file's name) ends neither the line nor its part of it.
    """
    places = {"file": file, "line": str(line) if line else "", "title": title}
    properties = ",".join(f"{name}={_property(value)}" for name, value in places.items() if value)
    return f"::{level}{' ' + properties if properties else ''}::{_data(message[:LONGEST_ANNOTATION])}"


def annotate(text: str) -> None:
    """Write an annotation where GitHub reads it; standard output stays data."""
    sys.stderr.write(text + os.linesep)


def uncommanding(text: str) -> str:
    """Text of others in a log that GitHub reads: no line of it is a command, such as one that masks what follows."""
    return COMMAND.sub(r"\1: :", text).replace("##[", "## [")


def code(text: str) -> str:
    """Text of others as a block of Markdown, in which nothing of it is Markdown or HTML; it must begin a line."""
    return f"<pre>{html.escape(text)}</pre>"


def cell(text: str) -> str:
    """Text of others in a table of Markdown."""
    kept = " ".join(text.split())
    return "".join(f"&#{ord(character)};" if character in MEANING else character for character in kept)


def table(header: list[str], rows: list[list[str]]) -> str:
    """A table of Markdown; the cells are escaped."""
    lines = [header, ["---"] * len(header), *([cell(text) for text in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
