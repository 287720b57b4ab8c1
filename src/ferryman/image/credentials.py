"""Finds the user name and password for a registry: the environment's, else those that `docker login` has stored."""

from __future__ import annotations

import base64
import binascii
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ferryman.image.reference import Reference

HELPER_TIMEOUT_SECONDS = 30.0


@dataclass(frozen=True)
class Credentials:
    """A login; `is_stored` when the docker command finds it by itself. The password is not shown when the object is."""

    username: str
    password: str = field(repr=False)
    is_stored: bool = False


def find_credentials(reference: Reference, variables: Mapping[str, str]) -> Credentials | None:
    """Return the login for the reference's registry, or None to go without.

    DOCKER_USERNAME and DOCKER_PASSWORD win over Docker's own configuration, and never go to a registry on loopback.
    """
    username, password = variables.get("DOCKER_USERNAME", ""), variables.get("DOCKER_PASSWORD", "")
    if username and password and not reference.is_loopback:
        return Credentials(username, password)
    folder = Path(variables.get("DOCKER_CONFIG") or Path.home() / ".docker")
    try:
        stored = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return _stored(stored, reference.login_name) if isinstance(stored, dict) else None


def _stored(stored: Mapping[str, Any], login_name: str) -> Credentials | None:
    helper = stored.get("credHelpers", {}).get(login_name) or stored.get("credsStore")
    if helper:
        found = _ask_helper(helper, login_name)
        if found:
            return found
    encoded = stored.get("auths", {}).get(login_name, {}).get("auth", "")
    try:
        username, _, password = base64.b64decode(encoded).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return Credentials(username, password, is_stored=True) if username and password else None


def _ask_helper(helper: str, login_name: str) -> Credentials | None:
    try:
        result = subprocess.run(
            [f"docker-credential-{helper}", "get"],
            input=login_name,
            capture_output=True,
            text=True,
            timeout=HELPER_TIMEOUT_SECONDS,
            check=True,
        )
        answered = json.loads(result.stdout)
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    username, password = answered.get("Username", ""), answered.get("Secret", "")
    # "<token>" stands for an identity token, which is no password.
    if not password or username in ("", "<token>"):
        return None
    return Credentials(username, password, is_stored=True)
