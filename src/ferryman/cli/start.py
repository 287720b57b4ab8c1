"""start: an app that was stopped."""

from __future__ import annotations

from ferryman.cli.changes import change, release_of, where
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination


def start(to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG) -> None:
    """Start an app that was stopped, with the release that served."""
    target = destination(config, to)
    change(target, ("start", {}), lambda result: f"release {release_of(result)} of {where(target)} serves", as_json)


command = start
