"""The keys that a setup installs: the pipeline's own, and the admin's as operator."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ferryman.errors import UsageError
from ferryman.link import PublicKey, Target
from ferryman.link.host_key import resolve, ssh_missing


@dataclass(frozen=True)
class PipelineKey:
    """The pipeline's public key; `private` is where its other half lies, None when that is not known here."""

    public: PublicKey
    private: Path | None
    is_new: bool = False


def read_public_key(path: Path) -> PublicKey:
    """The key in a `.pub` file; UsageError names the file and what is wrong, a private key included."""
    try:
        text = path.expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError("key-unreadable", f"the public key {path} can't be read: {error}") from error
    if "PRIVATE KEY" in text:
        raise UsageError(
            "key-is-private", f"{path} is a private key, which never leaves this machine", hint=f"{path}.pub"
        )
    try:
        return PublicKey.parse(text)
    except ValueError as error:
        raise UsageError("key-malformed", f"{path}: {error}") from error


def pipeline_key(given: Path | None, state_directory: Path, environment: str) -> PipelineKey:
    """The given key; else the pair in the state directory, generated when it is not there yet (0600)."""
    if given is not None:
        private = given.with_suffix("")
        return PipelineKey(read_public_key(given), private if given.suffix == ".pub" and private.is_file() else None)
    private = state_directory / environment / "pipeline_key"
    public = private.with_suffix(".pub")
    if private.is_file() and public.is_file():
        return PipelineKey(read_public_key(public), private)
    private.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    ignore = state_directory / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n")
    private.unlink(missing_ok=True)
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", f"ferryman-pipeline-{environment}", "-f", str(private))
    return PipelineKey(read_public_key(public), private, is_new=True)


def operator_keys(given: tuple[Path, ...], admin: Target) -> list[PublicKey]:
    """The given keys; else the one that the admin logs in with.

    That is the public half of the identity; without an identity the first of the agent's keys, then
    of the identity files that ssh would try.
    """
    if given:
        return [read_public_key(path) for path in given]
    if admin.identity is not None:
        return [_public_half(admin.identity)]
    for line in _run("ssh-add", "-L").splitlines():
        try:
            return [PublicKey.parse(line)]
        except ValueError:
            continue
    for path in resolve(admin).identities:
        if path.with_name(path.name + ".pub").is_file():
            return [read_public_key(path.with_name(path.name + ".pub"))]
    raise UsageError(
        "operator-key-missing",
        "no public key of yours was found: no identity, no key in the SSH agent, none in ~/.ssh",
        hint="name one: --operator-key ~/.ssh/id_ed25519.pub",
    )


def _public_half(identity: Path) -> PublicKey:
    public = identity.with_name(identity.name + ".pub")
    if public.is_file():
        return read_public_key(public)
    try:
        return PublicKey.parse(_run("ssh-keygen", "-y", "-P", "", "-f", str(identity)))
    except ValueError:
        raise UsageError(
            "operator-key-missing",
            f"{identity} has no public half beside it, and it could not be derived",
            hint=f"ssh-keygen -y -f {identity} > {public}",
        ) from None


def _run(command: str, *arguments: str) -> str:
    """The output of one of OpenSSH's programs; "" when it fails."""
    path = shutil.which(command)
    if path is None:
        raise ssh_missing()
    done = subprocess.run([path, *arguments], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    return done.stdout.decode(errors="replace") if done.returncode == 0 else ""
