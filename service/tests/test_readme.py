"""README.md: its table of settings is the one that the code reads."""

import re
from pathlib import Path

from msgspec.structs import fields

from ground.configuration import Configuration

README = Path(__file__).resolve().parent.parent / "README.md"
NEEDED_OR_EMPTY = {"required", "empty", "set by the agent", "as many as threads"}


def documented() -> dict[str, str]:
    """Return each setting's name with its default as README.md has it."""
    table = README.read_text().partition("## Settings")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`.+?`) \| (.*?) \|", table, re.MULTILINE)
    return {name: default.strip("`") for names, default in rows for name in re.findall(r"`(\w+)`", names)}


def read() -> dict[str, str]:
    """Return each setting's name in the environment with its default in the code."""
    found = {}
    for field in fields(Configuration):
        default = field.default
        found[field.encode_name] = str(default).lower() if isinstance(default, bool) else str(default)
    return found


def test_every_setting_is_documented_and_nothing_else() -> None:
    assert documented().keys() == read().keys()


def test_the_defaults_are_those_of_the_code() -> None:
    for name, default in documented().items():
        assert default in NEEDED_OR_EMPTY or default == read()[name], name
