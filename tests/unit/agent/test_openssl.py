"""OpenSSL stays out of the daemon, and is there for a Harbour behind https."""

from __future__ import annotations

import http.server
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman_agent.outbox import post

SOURCE = Path(__file__).parents[3] / "src"
DAEMON = f"""
import sys
sys.path.insert(0, {str(SOURCE)!r})
from ferryman_agent.openssl import import_http_client, secure_connection
import_http_client()
import ferryman_agent.daemon.daemon
print(sorted({{"ssl", "_ssl", "_hashlib"}} & set(sys.modules)))
print(type(secure_connection("localhost", None, 1)).__name__, "ssl" in sys.modules)
"""


class Harbour(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def harbour(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    """A server behind https: its port, and its certificate, which nobody else has signed."""
    if shutil.which("openssl") is None:
        pytest.skip("the openssl command makes the certificate")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*command, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Harbour)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port, certificate
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_daemon_runs_without_openssl_until_it_is_needed() -> None:
    ran = subprocess.run([sys.executable, "-ISc", DAEMON], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == ["[]", "SecureConnection True"]


def test_a_harbour_behind_https_is_reached(harbour: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    port, certificate = harbour
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert post({"url": f"https://localhost:{port}/reports/", "token": "t", "host": ""}, b"{}") == 200


def test_a_harbour_whose_certificate_nobody_vouches_for_is_not_told_anything(harbour: tuple[int, Path]) -> None:
    port, _ = harbour
    with pytest.raises(ssl.SSLCertVerificationError):
        post({"url": f"https://localhost:{port}/reports/", "token": "t", "host": ""}, b"{}")
