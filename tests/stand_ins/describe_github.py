"""Makes github.json, the part of GitHub's own OpenAPI description that the stand-in needs.

`python tests/stand_ins/describe_github.py` fetches the npm package @octokit/openapi (MIT) and cuts the paths out.
"""

from __future__ import annotations

import json
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

VERSION = "23.0.2"
FOLDER = Path(__file__).parent
REPOSITORY = "/repos/{owner}/{repo}"
OPERATIONS = {
    REPOSITORY: ["get"],
    f"{REPOSITORY}/branches": ["get"],
    f"{REPOSITORY}/branches/{{branch}}/protection": ["get", "put"],
    f"{REPOSITORY}/compare/{{basehead}}": ["get"],
    f"{REPOSITORY}/git/ref/{{ref}}": ["get"],
    f"{REPOSITORY}/git/refs/{{ref}}": ["delete"],
    f"{REPOSITORY}/pulls": ["get"],
    f"{REPOSITORY}/rules/branches/{{branch}}": ["get"],
}
PROSE = {"description", "summary", "example", "examples", "externalDocs", "tags", "title", "deprecated", "headers"}


def cut(described: dict[str, Any]) -> dict[str, Any]:
    """The operations, and what they refer to, without prose and examples."""
    found: dict[str, Any] = {"openapi": described["openapi"], "info": _info(described["info"]), "paths": {}}
    found["paths"] = {
        path: {method: without_prose(described["paths"][path][method]) for method in methods}
        for path, methods in OPERATIONS.items()
    }
    waiting = list(references(found["paths"]))
    found["components"] = {}
    while waiting:
        _, kind, name = waiting.pop().removeprefix("#/").split("/")
        if name not in found["components"].setdefault(kind, {}):
            part = without_prose(described["components"][kind][name])
            found["components"][kind][name] = part
            waiting += references(part)
    return found


def _info(info: dict[str, Any]) -> dict[str, Any]:
    return {"title": info["title"], "version": info["version"], "license": info["license"]}


def without_prose(node: Any, *, are_names: bool = False) -> Any:
    """The same without what only people read; a property may well be called "description"."""
    if isinstance(node, list):
        return [without_prose(item) for item in node]
    if not isinstance(node, dict):
        return node
    return {
        key: without_prose(value, are_names=key in ("properties", "schemas", "parameters", "responses"))
        for key, value in node.items()
        if are_names or not (key in PROSE or (key.startswith("x-") and key != "x-multi-segment"))
    }


def references(node: Any) -> Iterator[str]:
    """Every `$ref` in a part of the description."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for item in node:
            yield from references(item)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", f"@octokit/openapi@{VERSION}"], cwd=folder, check=True)
        with tarfile.open(next(Path(folder).glob("*.tgz"))) as archive:
            member = archive.extractfile("package/generated/api.github.com.json")
            licence = archive.extractfile("package/LICENSE")
            assert member
            assert licence
            text = json.dumps(cut(json.load(member)), separators=(",", ":"), sort_keys=True)
            (FOLDER / "github.json").write_text(text + "\n")
            (FOLDER / "github.LICENSE").write_bytes(licence.read())


if __name__ == "__main__":
    main()
