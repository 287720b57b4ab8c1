"""`ferryman server setup`: from a bare Debian or Ubuntu to a server that the pipeline can deploy to."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from ferryman.errors import Refused, UsageError
from ferryman.link import PublicKey, SshLink, Target, scan_host_key
from ferryman.link.diagnosis import Purpose
from ferryman.link.host_key import SERVER_KEY_KINDS, shown_host_key
from ferryman.server.keys import PipelineKey, operator_keys, pipeline_key
from ferryman.server.zipapp import build_zipapp

COMMENT_LIMIT_CHARACTERS = 100


@dataclass(frozen=True)
class SetupRequest:
    """What is set up, as whom, and with which keys.

    `target` is the environment as deploys will use it (its `user` is made; its `host_key` may be "").
    `configuration` is the ferryman.toml that gets the host key, None to write none.
    """

    target: Target
    state_directory: Path
    configuration: Path | None = None
    admin_user: str = "root"
    admin_identity: Path | None = None
    fingerprint: str | None = None
    pipeline_key: Path | None = None
    operator_keys: tuple[Path, ...] = ()

    @property
    def admin(self) -> Target:
        """The same server, as the admin reaches it."""
        return replace(self.target, user=self.admin_user, identity=self.admin_identity)


@dataclass(frozen=True)
class SetupStep:
    """One step that has ended."""

    step: str
    changed: bool
    detail: str


@dataclass(frozen=True)
class HostKeyQuestion:
    """A host key that nobody has vouched for yet; `fingerprint` is what a person compares."""

    address: str
    kind: str
    fingerprint: str


@dataclass(frozen=True)
class SetupOutcome:
    """What the server has now; `changed` counts the steps that changed something."""

    changed: int
    host_key: PublicKey
    engine: str
    agent: str
    pipeline_key: PipelineKey
    operator_keys: tuple[PublicKey, ...]


Report = Callable[[SetupStep], None]
Confirm = Callable[[HostKeyQuestion], bool]


def setup_server(request: SetupRequest, report: Report, confirm: Confirm | None = None) -> SetupOutcome:
    """Set a server up, or bring one up to date; a second run changes nothing.

    1. Keys: the pipeline's and the operator's. 2. The host key: pinned, or vouched for by fingerprint or person.
    3. One connection as the admin: agent and request go up, the steps come back. 4. The host key is pinned in
    ferryman.toml. 5. The pipeline's key says hello to the agent, when its private half is here.
    """
    if request.target.user in ("root", request.admin_user):
        raise UsageError(
            "user-invalid",
            f'environment {request.target.name}: "{request.target.user}" is the admin; '
            "deploys need a user of their own, which setup makes",
            hint='user = "ferryman"',
        )
    changes: list[bool] = []

    def note(step: SetupStep) -> None:
        changes.append(step.changed)
        report(step)

    pipeline = pipeline_key(request.pipeline_key, request.state_directory, request.target.name)
    operators = operator_keys(request.operator_keys, request.admin)
    if pipeline.public in operators:
        raise UsageError("key-in-two-roles", "the pipeline's key is also the operator's; the pipeline needs its own")
    if pipeline.is_new:
        note(SetupStep("pipeline-key", True, str(pipeline.private)))
    host_key = vouched_host_key(request, confirm)
    result = _install(request, host_key, [pipeline.public], operators, note)
    if request.configuration is not None and not request.target.host_key:
        from ferryman.config import set_host_key

        changed = set_host_key(request.configuration, request.target.name, host_key.text)
        note(SetupStep("host-key", changed, f"{host_key.fingerprint} pinned in {request.configuration.name}"))
    if pipeline.private is not None:
        target = replace(request.target, host_key=host_key.text, identity=pipeline.private)
        hello = SshLink(target).request("hello", {})
        note(SetupStep("link", False, f"the pipeline's key reaches agent {hello.get('agent', '')}"))
    return SetupOutcome(
        sum(changes), host_key, str(result.get("engine", "")), str(result.get("agent", "")), pipeline, tuple(operators)
    )


def vouched_host_key(request: SetupRequest, confirm: Confirm | None) -> PublicKey:
    """The pinned host key; else the shown one, when its fingerprint was given or a person says yes.

    Refused when the fingerprint is another, when nobody can be asked, and when the answer is no.
    """
    if request.target.host_key:
        pinned = request.target.pinned_key()
        if request.fingerprint and pinned.fingerprint != request.fingerprint:
            raise _mismatch(request, pinned.fingerprint)
        return pinned
    shown = scan_host_key(request.admin)
    if request.fingerprint:
        return _key_with(request, shown)
    question = HostKeyQuestion(request.target.address, shown.kind, shown.fingerprint)
    if confirm is not None and confirm(question):
        return shown
    raise Refused(
        "host-key-not-confirmed",
        f"{question.address} shows a {question.kind} key with fingerprint {question.fingerprint}, not confirmed",
        state="nothing was changed",
        hint="compare it on the server's console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub), "
        f"then pass --fingerprint {question.fingerprint}",
    )


def _key_with(request: SetupRequest, shown: PublicKey) -> PublicKey:
    """The host key with the given fingerprint, which may be of another type than the preferred one."""
    if shown.fingerprint == request.fingerprint:
        return shown
    for kind in SERVER_KEY_KINDS:
        other = shown_host_key(request.admin, (kind,)) if kind != shown.kind else None
        if other is not None and other.fingerprint == request.fingerprint:
            return other
    raise _mismatch(request, shown.fingerprint)


def _mismatch(request: SetupRequest, shown: str) -> Refused:
    return Refused(
        "fingerprint-mismatch",
        f"{request.target.address} has host key {shown}, not {request.fingerprint}",
        state="nothing was changed",
        hint="is this the right server? if it is, look the fingerprint up on its console",
    )


def _install(
    request: SetupRequest,
    host_key: PublicKey,
    pipeline: list[PublicKey],
    operators: list[PublicKey],
    report: Report,
) -> dict[str, Any]:
    keys = {"pipeline_keys": pipeline, "operator_keys": operators}
    lines = {
        role: [f"{key.text} {key.comment[:COMMENT_LIMIT_CHARACTERS]}".strip() for key in known]
        for role, known in keys.items()
    }
    purpose = Purpose("server setup", False, "run `ferryman server setup` again: it goes on where this one stopped")
    link = SshLink(replace(request.admin, host_key=host_key.text))
    with link.run(bootstrap_command(), payload({**lines, "user": request.target.user}), purpose) as conversation:
        for message in conversation:
            if "step" in message:
                report(SetupStep(str(message["step"]), message.get("changed") is True, str(message.get("detail", ""))))
        return conversation.result


def bootstrap_command() -> str:
    """What the admin's login shell is asked to run; it holds no secret and depends on nothing."""
    script = files("ferryman.server").joinpath("bootstrap.sh").read_text(encoding="utf-8")
    return f"exec /bin/sh -c {shlex.quote(script)}"


def payload(request: dict[str, Any]) -> bytes:
    """What the bootstrap reads on stdin: the unpacker after its length, both lengths, the zipapp, the request."""
    unpacker = files("ferryman.server").joinpath("unpack.py").read_bytes()
    zipapp, asked = build_zipapp(), json.dumps(request).encode()
    sizes = json.dumps({"zipapp": len(zipapp), "request": len(asked)}).encode()
    return str(len(unpacker)).encode() + b"\n" + unpacker + sizes + b"\n" + zipapp + asked
