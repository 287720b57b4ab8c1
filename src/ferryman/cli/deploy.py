"""deploy: a commit becomes what serves."""

from __future__ import annotations

from typing import Annotated

import typer

from ferryman.cli.options import DEFAULT_CONFIG, AllowDirty, AsJson, Config, Revision, To, Verbose
from ferryman.cli.shipping import CancelRunning, Verify, Wait, WaitTimeout, ship, shipping_target, show_shipped

Sequence = Annotated[int | None, typer.Option("--sequence", help="CI run number: an older one is refused.", min=0)]


def deploy(  # noqa: PLR0913, PLR0917 - each is an option of the command
    to: To = None,
    revision: Revision = None,
    no_build: Annotated[bool, typer.Option("--no-build", help="Only what the registry has.")] = False,
    allow_dirty: AllowDirty = False,
    sequence: Sequence = None,
    allow_older: Annotated[bool, typer.Option("--allow-older", help="Also an older CI run.")] = False,
    wait: Wait = False,
    wait_timeout: WaitTimeout = None,
    cancel_running: CancelRunning = False,
    verify: Verify = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Ship a commit: build and push its image where needed, then switch to it without a lost request."""
    from ferryman.shipping.options import DeployOptions
    from ferryman.watching.spectator import turn_parameters

    target = shipping_target(config, to, is_verified=verify)
    options = DeployOptions(revision, not no_build, allow_dirty, sequence=sequence, allow_older=allow_older)
    turn = turn_parameters(wait_timeout, is_waiting=wait, cancel_running=cancel_running)
    result = ship(
        "Deploy", target, lambda shipping: shipping.deploy(options, turn), is_verified=verify, is_verbose=verbose
    )
    show_shipped(target, result, as_json=as_json)


command = deploy
