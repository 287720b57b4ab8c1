"""What an installation is asked for, checked."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ferryman_agent.errors import BadRequest
from ferryman_agent.install.authorized_keys import Key, parse_key

DEFAULT_USER = "ferryman"
_USER = re.compile(r"[a-z_][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class InstallRequest:
    """Keys per role, and the user that they log in as."""

    user: str
    pipeline_keys: list[Key]
    operator_keys: list[Key]


def parse_request(text: str) -> InstallRequest:
    """Read {"pipeline_keys": [...], "operator_keys": [...], "user": "ferryman"}; BadRequest when it is not that."""
    try:
        data = json.loads(text)
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise BadRequest("request-malformed", "the request on stdin is not a JSON object", state="nothing was changed")
    user = data.get("user", DEFAULT_USER)
    if not isinstance(user, str) or not _USER.fullmatch(user) or user == "root":
        raise BadRequest(
            "user-invalid",
            f"{user!r} can't be the deploy user: it must be a user of its own, not root",
            state="nothing was changed",
            hint='set user = "ferryman" in the environment',
        )
    pipeline, operator = _keys(data, "pipeline_keys"), _keys(data, "operator_keys")
    both = {key.identity for key in pipeline} & {key.identity for key in operator}
    if both:
        raise BadRequest(
            "key-in-two-roles",
            "the same key is asked for as pipeline key and as operator key",
            state="nothing was changed",
            hint="the pipeline needs a key of its own",
        )
    return InstallRequest(user, pipeline, operator)


def _keys(data: dict[str, object], name: str) -> list[Key]:
    keys = data.get(name, [])
    if not isinstance(keys, list):
        raise BadRequest("request-malformed", f"{name} is not a list", state="nothing was changed")
    return [parse_key(key) for key in keys]
