"""Modules that Python's standard library no longer has: a project that imports one needs an older Python."""

from __future__ import annotations

# The last Python that has the module. Source: "What's New in Python", sections Removed.
LAST = {
    **dict.fromkeys(("distutils", "imp", "asyncore", "asynchat", "smtpd"), "3.11"),
    **dict.fromkeys(
        ("cgi", "cgitb", "crypt", "imghdr", "mailcap", "msilib", "nis", "nntplib", "pipes", "sndhdr", "spwd", "sunau",
         "telnetlib", "uu", "xdrlib", "lib2to3", "aifc", "audioop", "chunk"),
        "3.12",
    ),
}  # fmt: skip


def older_python(module: str, python: str) -> str:
    """The newest Python that has a module which `python` lacks; "" when that is not why it is missing."""
    last = LAST.get(module.partition(".")[0], "")
    return last if last and _number(last) < _number(python) else ""


def _number(python: str) -> tuple[int, ...]:
    return tuple(int(part) for part in python.split(".")[:2])
