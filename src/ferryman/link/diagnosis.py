"""Why a conversation ended without a result: found out by structure, never by the text of stderr."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ferryman import __version__
from ferryman.errors import FerrymanError, OutcomeUnknown, Unreachable, UsageError
from ferryman.link.host_key import NOTHING_SENT, check_reachable, no_host_key, resolve, shown_host_key
from ferryman.link.protocol import failure
from ferryman.link.target import Target

NOISE_LIMIT_LINES = 4
# All that an agent says of a request that it does not have; this client sends none that is malformed.
UNKNOWN_REQUEST = ("bad-request", "unknown or malformed request ")


@dataclass(frozen=True)
class Purpose:
    """What a conversation is for: whether it only reads, and where its outcome can be seen when it is lost."""

    what: str
    is_reading: bool
    outcome_hint: str


@dataclass(frozen=True)
class Ending:
    """What is known when the stream has ended: exit status of ssh, whether the login had succeeded, its stderr."""

    exit_status: int
    has_logged_in: bool
    noise: str
    reason: str = ""


def explain(target: Target, purpose: Purpose, ending: Ending) -> FerrymanError:
    """The error for a stream that ended without a result.

    1. Never logged in: address, then host key, then login; nothing was sent.
    2. Logged in, and the remote shell found no command (127) or none that it may start (126): no agent.
    3. Anything else: lost on the way; the outcome is unknown unless the request only reads.
    """
    if not ending.has_logged_in:
        return _never_logged_in(target, ending)
    if ending.exit_status in (126, 127):
        return Unreachable(
            "agent-missing",
            f"{target.address} has no Ferryman agent" + _quoted(ending.noise),
            state="nothing was changed",
            hint=f"ferryman server setup --to {target.name}",
        )
    reason = ending.reason or f"the connection ended (exit status {ending.exit_status})"
    message = f"{purpose.what} on {target.address}: {reason} before the answer came" + _quoted(ending.noise)
    code = "protocol-broken" if ending.reason else "connection-lost"
    if purpose.is_reading:
        return Unreachable(code, message, state="nothing was changed", hint="try again")
    return OutcomeUnknown(
        code, message, state="the server goes on by itself; the outcome is not known here", hint=purpose.outcome_hint
    )


def refusal(target: Target, purpose: Purpose, error: Mapping[str, Any]) -> FerrymanError:
    """The error for an agent's `{"error": …}`; a request that the agent does not have names the way to a newer one."""
    caught = failure(error)
    code, beginning = UNKNOWN_REQUEST
    if caught.code != code or not caught.message.startswith(beginning):
        return caught
    return UsageError(
        "agent-outdated",
        f"the agent on {target.address} is older than this Ferryman ({__version__}): it does not know the request "
        f'"{purpose.what}"',
        state="nothing was changed",
        hint=f"ferryman server setup --to {target.name}",
    )


def _never_logged_in(target: Target, ending: Ending) -> FerrymanError:
    try:
        check_reachable(target, resolve(target))
    except FerrymanError as error:
        return error
    pinned = target.pinned_key()
    shown = shown_host_key(target, (pinned.kind,)) or shown_host_key(target)
    if shown is None:
        return no_host_key(target)
    if shown.text != pinned.text:
        return Unreachable(
            "host-key-changed",
            f"{target.address} shows another host key than the pinned one: "
            f"{shown.fingerprint} ({shown.kind}) instead of {pinned.fingerprint} ({pinned.kind})",
            state=NOTHING_SENT,
            hint="was the server installed anew? compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on "
            f"its console; if that is it, remove host_key of {target.name} and run `ferryman server setup`",
        )
    with_key = f" with {target.identity}" if target.identity is not None else ""
    return Unreachable(
        "login-refused",
        f"{target.address} refuses the login of user {target.user}{with_key}" + _quoted(ending.noise),
        state=NOTHING_SENT,
        hint=f"check user and key of environment {target.name}; `ferryman server setup` installs keys",
    )


def _quoted(noise: str) -> str:
    """The last lines of what ssh said, as detail below the message; control characters never reach a terminal."""
    clean = ["".join(c for c in line if c.isprintable()).strip() for line in noise.splitlines()]
    return "".join(f"\n  ssh: {line}" for line in [line for line in clean if line][-NOISE_LIMIT_LINES:])
