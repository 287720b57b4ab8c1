"""registry.login, registry.logout, registry.list: the logins that the server keeps, for pulls without a call's own."""

from __future__ import annotations

import re
from typing import Any

from ferryman_agent.errors import BadRequest, Refused
from ferryman_agent.host.logins import authentication, named
from ferryman_agent.requests.call import Call

REGISTRY = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?")
PASSWORD_CHARACTERS = 16 << 10  # some registries' tokens are long


def login(call: Call) -> dict[str, Any]:
    """Keep a login that the registry takes; Refused `registry-login-refused` when it does not."""
    registry = _registry(call)
    found = {key: _text(call, key) for key in ("username", "password")}
    why = call.host.engine.login(authentication(registry, found))
    if why:
        raise Refused(
            "registry-login-refused",
            f"{registry} does not take the login of {found['username']}: {why}",
            state="nothing was changed",
            hint="is it the registry's own name, and a token that may read the image?",
        )
    call.host.logins.keep(registry, found)
    return {"registry": registry, "username": found["username"]}


def logout(call: Call) -> dict[str, Any]:
    """Forget the login at a registry."""
    registry = _registry(call)
    return {"registry": registry, "forgotten": call.host.logins.forget(registry)}


def listed(call: Call) -> dict[str, Any]:
    """Which logins are kept, without their passwords."""
    known = call.host.logins.usernames()
    return {"registries": [{"registry": registry, "username": username} for registry, username in known.items()]}


def _registry(call: Call) -> str:
    registry = call.params.get("registry")
    if not isinstance(registry, str) or not REGISTRY.fullmatch(registry):
        raise BadRequest("bad-request", f"registry: {registry!r} is not a registry's name, such as ghcr.io")
    return named(registry)


def _text(call: Call, key: str) -> str:
    text = call.params.get(key)
    if not isinstance(text, str) or not text or not text.isprintable() or len(text) > PASSWORD_CHARACTERS:
        raise BadRequest("bad-request", f"{key}: must be printable text")
    return text
