"""OpenSSH public keys: parsed strictly, with the fingerprint that `ssh-keygen -l` shows."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass, field

SIGNATURE_ALGORITHMS = {
    "ssh-ed25519": "ssh-ed25519",
    "ecdsa-sha2-nistp256": "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384": "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521": "ecdsa-sha2-nistp521",
    "ssh-rsa": "rsa-sha2-512,rsa-sha2-256",
    "sk-ssh-ed25519@openssh.com": "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com": "sk-ecdsa-sha2-nistp256@openssh.com",
}


@dataclass(frozen=True)
class PublicKey:
    """One public key; `text` is "type base64", the form in which it is pinned and compared."""

    kind: str
    encoded: str
    comment: str = field(default="", compare=False)

    @classmethod
    def parse(cls, line: str) -> PublicKey:
        """Read one line "type base64 [comment]"; ValueError says what is wrong with it."""
        words = line.strip().split(maxsplit=2)
        if len(line.strip().splitlines()) != 1 or len(words) < 2:
            raise ValueError('a public key is one line: "type base64 [comment]"')
        kind, encoded = words[0], words[1]
        if kind not in SIGNATURE_ALGORITHMS:
            raise ValueError(f'"{kind[:40]}" is not a key type; allowed: {", ".join(SIGNATURE_ALGORITHMS)}')
        try:
            blob = base64.b64decode(encoded, validate=True)
        except binascii.Error:
            raise ValueError("the key's second word is not base64") from None
        if not blob.startswith(len(kind).to_bytes(4, "big") + kind.encode()):
            raise ValueError(f"the key's data is not that of a key of type {kind}, or was cut off")
        return cls(kind, encoded, words[2] if len(words) == 3 else "")

    @property
    def text(self) -> str:
        return f"{self.kind} {self.encoded}"

    @property
    def fingerprint(self) -> str:
        """ "SHA256:" and the unpadded base64 digest, as `ssh-keygen -l` prints it."""
        digest = hashlib.sha256(base64.b64decode(self.encoded)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")

    @property
    def signature_algorithms(self) -> str:
        """What `HostKeyAlgorithms` must be, so that a server proves itself with this key."""
        return SIGNATURE_ALGORITHMS[self.kind]
