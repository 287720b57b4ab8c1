"""rollback: a retained release serves again."""

from __future__ import annotations

from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, ToRelease
from ferryman.cli.shipping import CancelRunning, Verify, Wait, WaitTimeout, ship, shipping_target, show_shipped


def rollback(  # noqa: PLR0913, PLR0917 - each is an option of the command
    release: ToRelease = "",
    to: To = None,
    wait: Wait = False,
    wait_timeout: WaitTimeout = None,
    cancel_running: CancelRunning = False,
    verify: Verify = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Go back to a retained release: the previous healthy one, or the one that is named."""
    from ferryman.watching.spectator import turn_parameters

    target = shipping_target(config, to, is_verified=verify)
    turn = turn_parameters(wait_timeout, is_waiting=wait, cancel_running=cancel_running)
    result = ship("Rollback", target, lambda shipping: shipping.roll_back(release, turn), is_verified=verify)
    show_shipped(target, result, as_json=as_json)


command = rollback
