"""The pipeline's private key as CI hands it over: in a variable, kept in memory, and never in a file of a disk."""

from __future__ import annotations

import os
import re
from functools import cache
from pathlib import Path

from ferryman.errors import UsageError

VARIABLE = "VPS_SSH_KEY"
PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----\n.+\n-----END [A-Z0-9 ]*PRIVATE KEY-----\n", re.DOTALL)


@cache
def key_in_memory(text: str) -> Path:
    """A path at which ssh finds the key while this process lives; what ends the process takes the key along.

    UsageError `ssh-key-malformed` for a text that is no private key; the text is not shown.
    """
    lines = text.replace("\r\n", "\n").strip() + "\n"
    if not PRIVATE_KEY.fullmatch(lines):
        raise UsageError(
            "ssh-key-malformed",
            f"{VARIABLE} holds no private key",
            hint="it is the whole text of .ferryman/<environment>/pipeline_key, first and last line included",
        )
    if not hasattr(os, "memfd_create"):
        raise UsageError(
            "ssh-key-not-usable",
            f"{VARIABLE} is read on Linux alone",
            hint="put the key into a file of mode 0600, and name it as `identity` of the environment",
        )
    descriptor = os.memfd_create("ferryman-key", os.MFD_CLOEXEC)
    os.fchmod(descriptor, 0o600)  # ssh skips a key that others may read
    with os.fdopen(os.dup(descriptor), "w") as file:
        file.write(lines)
    # ssh closes what it inherits, so it opens the file of this process.
    return Path(f"/proc/{os.getpid()}/fd/{descriptor}")
