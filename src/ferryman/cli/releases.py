"""releases: which serves, and which can be rolled back to."""

from __future__ import annotations

from typing import Any

from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, print_json, table


def releases(to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG) -> None:
    """List the releases, newest first: which serves, and which can be rolled back to."""
    target = destination(config, to)
    found = target.link.request("releases", target.app)
    if as_json:
        print_json(found)
        return
    rows = [
        [
            str(release["number"]),
            "serving" if release["serving"] else release["state"],
            release["revision"][:12],
            release["digest"][7:19],
            str(release["environment_version"]),
            _here(release),
            release["created_at"],
        ]
        for release in found["releases"]
    ]
    table(rows, ["release", "state", "revision", "digest", "env", "image", "created"])


def _here(release: dict[str, Any]) -> str:
    """Whether the server has the image; an older agent does not say."""
    is_here = release.get("image_here")
    return "-" if is_here is None else "here" if is_here else "gone"


command = releases
