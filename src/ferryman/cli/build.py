"""build: the image of a commit, in its registry."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from ferryman.cli.display import Steps
from ferryman.cli.messages import messages
from ferryman.cli.options import DEFAULT_CONFIG, AllowDirty, AsJson, Config, Revision, To, Verbose, print_json


def build(  # noqa: PLR0913, PLR0917 - each is an option of the command
    to: To = None,
    revision: Revision = None,
    allow_dirty: AllowDirty = False,
    cache: Annotated[
        bool, typer.Option("--cache", help="Take layers from the registry, and leave them there.")
    ] = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Build the image of a commit and push it."""
    from ferryman.environments import find_workshop
    from ferryman.shipping.images import ship_image
    from ferryman.shipping.options import DeployOptions

    target = find_workshop(config, to)
    options = DeployOptions(revision=revision, allow_dirty=allow_dirty, use_cache=cache, labels_migrations=True)
    with Steps(messages, is_verbose=verbose) as steps:
        image = ship_image(target, options, os.environ, steps.show)
    if image.unread:
        messages.print(f"migrations not recorded: {image.unread}")
    if as_json:
        shown = {"revision": image.revision, "digest": image.digest, "size_bytes": image.size}
        print_json({**shown, "pushed_bytes": image.sent_bytes})
    else:
        typer.echo(f"{target.configuration.app.image}@{image.digest}")


command = build
