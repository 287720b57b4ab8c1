"""What this client says of itself, for those who find an app busy: the CI run that calls, or user@host."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping

LIMIT_CHARACTERS = 200
RUN_ADDRESSES = ("CI_JOB_URL", "BUILD_URL", "CIRCLE_BUILD_URL", "BUILDKITE_BUILD_URL")


def describe_caller(variables: Mapping[str, str]) -> str:
    """One printable line: the address of the CI run where there is one, else user@host. Others are shown it."""
    text = _run(variables) or f"{_user()}@{socket.gethostname()}"
    return "".join(character for character in text if character.isprintable())[:LIMIT_CHARACTERS]


def _run(variables: Mapping[str, str]) -> str:
    names = ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")
    if variables.get("GITHUB_ACTIONS") == "true" and all(variables.get(name) for name in names):
        server, repository, run = (variables[name] for name in names)
        return f"{server}/{repository}/actions/runs/{run}"
    return next((variables[name] for name in RUN_ADDRESSES if variables.get(name)), "")


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        return "somebody"
