"""A private key as a placeholder, for settings that read one: made new each time, and used for nothing."""

from __future__ import annotations

import shutil
import subprocess

PEM = "-----BEGIN"


def private_key() -> str:
    """An RSA key in PEM, as openssl makes it; "" where there is no openssl."""
    openssl = shutil.which("openssl")
    if not openssl:
        return ""
    made = subprocess.run([openssl, "genrsa", "2048"], capture_output=True, text=True, check=False)
    return made.stdout if made.returncode == 0 else ""
