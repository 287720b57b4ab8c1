"""Pushes an image through the docker command, with a login that no other program sees."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ferryman.docker_command import docker_command
from ferryman.errors import DeployFailed, UsageError
from ferryman.image.build import require_engine
from ferryman.image.credentials import Credentials
from ferryman.image.reference import Reference, rerouted, split_reference
from ferryman.image.registry import Registry, pushed_bytes
from ferryman.process import Finished, OnLine, answer, watch

COMPARED_WITH = "latest"


@dataclass(frozen=True)
class Pushed:
    """An image in its registry; `sent_bytes` counts what `latest` did not have."""

    digest: str
    sent_bytes: int
    was_there: bool = False


def push(
    reference: str,
    credentials: Credentials | None,
    on_line: OnLine,
    *,
    registry_override: str | None = None,
    image_id: str = "",
) -> Pushed:
    """Push an image of the local engine and return its digest. `image_id` "": the engine is asked.

    1. Ask the registry first: a wrong password or no answer is known before anything is sent. 2. Done when it has this
    very image. 3. Push. 4. Read the digest that the registry has now.
    Raises registry-unreachable, registry-login-refused, image-not-built, push-failed, engine-unreachable.
    """
    target = rerouted(reference, registry_override)
    parts = split_reference(target)
    image_id = image_id or _image_id(reference)
    with Registry(parts, credentials) as registry:
        there = registry.manifest(parts.version)
        if there and there.configuration == image_id:
            return Pushed(there.digest, 0, was_there=True)
        before = registry.manifest(COMPARED_WITH)
        finished = _push(reference, target, credentials, on_line)
        after = registry.manifest(parts.version) if finished.status == 0 else None
    if after is None:
        require_engine(docker_command())
        raise _failed(target, finished)
    return Pushed(after.digest, pushed_bytes(before, after))


def _image_id(reference: str) -> str:
    status, output, _ = answer([*docker_command(), "image", "inspect", "--format", "{{.Id}}", reference])
    if status == 0:
        return output.strip()
    require_engine(docker_command())
    raise UsageError(
        "image-not-built", f"this machine has no image {reference}", hint="`ferryman build` builds it from the commit"
    )


def _push(reference: str, target: str, credentials: Credentials | None, on_line: OnLine) -> Finished:
    docker = docker_command()
    if target != reference:
        answer([*docker, "tag", reference, target])
    try:
        with _login(split_reference(target), credentials) as variables:
            return watch([*docker, "push", target], on_line, variables=variables)
    finally:
        if target != reference:
            answer([*docker, "image", "rm", "--no-prune", target])


@contextmanager
def _login(parts: Reference, credentials: Credentials | None) -> Iterator[Mapping[str, str]]:
    """Yield the variables under which the docker command knows the login.

    It is in a file that only this user can read, for as long as the push takes: never on a command line, nor in the
    user's own Docker configuration.
    """
    if credentials is None or credentials.is_stored:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="ferryman-login-") as folder:
        encoded = base64.b64encode(f"{credentials.username}:{credentials.password}".encode()).decode()
        path = Path(folder, "config.json")
        path.touch(mode=0o600)
        path.write_text(json.dumps({"auths": {parts.login_name: {"auth": encoded}}}), encoding="utf-8")
        yield {"DOCKER_CONFIG": folder, **_engine_address()}


def _engine_address() -> dict[str, str]:
    # The chosen docker context stands in the configuration that the login takes the place of.
    if os.environ.get("DOCKER_HOST"):
        return {}
    status, output, _ = answer([*docker_command(), "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])
    return {"DOCKER_HOST": output.strip()} if status == 0 and output.strip() else {}


def _failed(target: str, finished: Finished) -> DeployFailed:
    last = "\n".join(f"  {line}" for line in finished.lines[-10:])
    return DeployFailed(
        "push-failed",
        f"{target} was not pushed; the last lines:\n{last}",
        state="no server was touched",
        hint="the login must be allowed to write to this repository",
        details={"log": list(finished.lines), "exit_code": finished.status},
    )
