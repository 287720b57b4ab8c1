"""Names that others chose (branches, tags), made harmless: for a terminal, and for Markdown."""

from __future__ import annotations

import unicodedata

UNSEEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
NAME_CHARACTERS = 120


def shown(text: str) -> str:
    """One short line without a character that steers a terminal, turns the text around, or is not seen."""
    safe = visible(text)
    return safe if len(safe) <= NAME_CHARACTERS else f"{safe[: NAME_CHARACTERS - 1]}…"


def visible(text: str) -> str:
    """The same, however long it is."""
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in UNSEEN else c for c in text)


def escaped(text: str) -> str:
    """The same in Markdown: every mark is written as a number, so that it is no markup, mention, link or HTML."""
    return "".join(c if c.isalnum() or c in " -" or ord(c) > 127 else f"&#{ord(c)};" for c in shown(text))
