"""deployments: the newest, with their outcomes."""

from __future__ import annotations

from typing import Annotated

import typer

from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, print_json, table


def deployments(
    to: To = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500, help="How many.")] = 20,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """List the newest deployments with their outcomes."""
    target = destination(config, to)
    found = target.link.request("deployments", {**target.app, "limit": limit})
    if as_json:
        print_json(found)
        return
    rows = [
        [
            item["started_at"],
            item["kind"],
            str(item["release"] or "-"),
            item["state"],
            f"{item['seconds'] or 0:.1f} s",
            "-" if item.get("downtime") is None else f"{item['downtime']:.1f} s",
            (item["error"] or {}).get("message", ""),
        ]
        for item in found["deployments"]
    ]
    table(rows, ["started", "kind", "release", "outcome", "took", "down", "error"])


command = deployments
