"""Makes the JSON schema of ferryman.toml: `python -m ferryman.config.schema > docs/ferryman.schema.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from typing import Any

from ferryman.config.models import Configuration
from ferryman.config.section import Key, Kind, Section


def json_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of a ferryman.toml whose variables are not resolved."""
    sections = {section.__name__: _section(section) for section in _within(Configuration)}
    whole = {"$defs": dict(sorted(sections.items())), **_section(Configuration)}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "title": "ferryman.toml"}


def _within(section: type[Section]) -> Iterator[type[Section]]:
    """The sections within a section, at any depth; some come more than once."""
    kinds = [declared.kind for declared in section.declared.values()]
    for kind in [*kinds, *([section.more] if section.more else [])]:
        found = _section_of(kind)
        if found:
            yield found
            yield from _within(found)


def _section_of(kind: Kind) -> type[Section] | None:
    return kind.section or (_section_of(kind.inner) if kind.inner else None)


def _section(section: type[Section]) -> dict[str, Any]:
    required = [name for name, declared in section.declared.items() if declared.is_required]
    return {
        "additionalProperties": dict(section.more.schema) if section.more else False,
        "description": section.__doc__,
        "properties": {name: _property(name, declared) for name, declared in section.declared.items()},
        **({"required": required} if required else {}),
        "title": section.__name__,
        "type": "object",
    }


def _property(name: str, declared: Key) -> dict[str, Any]:
    if declared.kind.section:
        return dict(declared.kind.schema)
    has_default = not declared.is_required and declared.written not in (None, {})
    return {
        **({"default": declared.written} if has_default else {}),
        **({"description": declared.description} if declared.description else {}),
        **declared.kind.schema,
        "title": name.replace("_", " ").title(),
    }


def schema_text() -> str:
    """Return the schema as it stands in docs/ferryman.schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
