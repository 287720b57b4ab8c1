"""As much of PostgreSQL's protocol as the probe app needs: a login with a password (SCRAM-SHA-256), and statements."""

import base64
import hashlib
import hmac
import secrets
import socket
import struct
from types import TracebackType
from urllib.parse import unquote, urlsplit

TIMEOUT_SECONDS = 10
PROTOCOL = 3 << 16
ERROR, READY = b"E", b"Z"


class Session:
    """A connection to the database of a URL; RuntimeError for whatever PostgreSQL refuses."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._password = unquote(parts.password or "").encode()
        self._socket = socket.create_connection((parts.hostname, parts.port or 5432), timeout=TIMEOUT_SECONDS)
        words = f"user\0{parts.username}\0database\0{parts.path[1:]}\0\0".encode()
        self._socket.sendall(struct.pack("!II", len(words) + 8, PROTOCOL) + words)
        self._log_in()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def execute(self, statement: str) -> None:
        """Run a statement; what it returns is nobody's concern."""
        self._send(b"Q", statement.encode() + b"\0")
        self._until_ready()

    def _log_in(self) -> None:
        self._receive()  # the ways of proof that it knows: SCRAM-SHA-256 is the first since PostgreSQL 14
        bare = f"n=,r={secrets.token_hex(12)}"
        first = f"n,,{bare}".encode()
        self._send(b"p", b"SCRAM-SHA-256\0" + struct.pack("!I", len(first)) + first)
        asked = self._receive()[1][4:].decode()
        nonce, salt, rounds = (part[2:] for part in asked.split(","))
        salted = hashlib.pbkdf2_hmac("sha256", self._password, base64.b64decode(salt), int(rounds))
        key = hmac.digest(salted, b"Client Key", "sha256")
        without_proof = f"c=biws,r={nonce}"
        signed = f"{bare},{asked},{without_proof}".encode()
        mask = hmac.digest(hashlib.sha256(key).digest(), signed, "sha256")
        proof = bytes(one ^ other for one, other in zip(key, mask, strict=True))
        self._send(b"p", f"{without_proof},p={base64.b64encode(proof).decode()}".encode())
        self._until_ready()

    def _until_ready(self) -> None:
        while self._receive()[0] != READY:
            pass

    def _send(self, kind: bytes, body: bytes) -> None:
        self._socket.sendall(kind + struct.pack("!I", len(body) + 4) + body)

    def _receive(self) -> tuple[bytes, bytes]:
        kind, length = struct.unpack("!cI", self._exactly(5))
        body = self._exactly(length - 4)
        if kind == ERROR:
            raise RuntimeError(body.decode(errors="replace").replace("\0", " "))
        return kind, body

    def _exactly(self, count: int) -> bytes:
        received = b""
        while len(received) < count:
            if not (more := self._socket.recv(count - len(received))):
                raise RuntimeError("PostgreSQL hung up")
            received += more
        return received
