"""Makes the JSON schema of ferryman.toml: `python -m ferryman.config.schema > docs/ferryman.schema.json`."""

from __future__ import annotations

import json
import sys
from typing import Any

from ferryman.config.models import Configuration


def json_schema() -> dict[str, Any]:
    """Return the schema (draft 2020-12) of a ferryman.toml whose variables are not resolved."""
    schema = _strict(Configuration.model_json_schema(mode="validation"))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "ferryman.toml"}


def _strict(node: Any) -> Any:
    """Refuse names that fit no pattern, and leave out null, which TOML does not have."""
    if isinstance(node, list):
        return [_strict(item) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _strict(value) for key, value in node.items() if (key, value) != ("default", None)}
    if "patternProperties" in node:
        node.setdefault("additionalProperties", False)
    choices = [choice for choice in node.get("anyOf", []) if choice != {"type": "null"}]
    if len(choices) == 1:
        del node["anyOf"]
        node = {**choices[0], **node}
    return node


def schema_text() -> str:
    """Return the schema as it stands in docs/ferryman.schema.json."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema_text())
