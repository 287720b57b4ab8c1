"""A small app whose behaviour is a file in the image: what a release can do wrong, and what a deploy must not lose."""

import http.server
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from postgres import Session

BEHAVIOUR = json.loads(Path("/app/behaviour.json").read_text())


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers health as told; echoes the size of a body; keeps connections alive."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Health and the release's own word."""
        if self.path == "/health":
            if BEHAVIOUR.get("health_hangs"):
                threading.Event().wait()
            is_as_asked = BEHAVIOUR.get("scheme") in (None, self.headers.get("X-Forwarded-Proto"))
            self.answer(BEHAVIOUR.get("health", 200) if is_as_asked else 500, BEHAVIOUR.get("health_body", "fine"))
        elif self.path == "/host":
            self.answer(200, self.headers.get("Host", ""))
        elif self.path == "/environment":
            self.answer(200, json.dumps(dict(os.environ)))
        elif self.path == "/database":
            self.answer(200 if database_answers() else 500, "asked")
        elif self.path.startswith("/say/"):
            print(self.path.removeprefix("/say/"), flush=True)
            self.answer(200, "said")
        else:
            self.answer(200, BEHAVIOUR.get("word", "hello"))

    def do_POST(self) -> None:
        """Read the whole body before answering."""
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.answer(200, f"{BEHAVIOUR.get('word', 'hello')} {len(body)}")

    def answer(self, status: int, text: str) -> None:
        """One answer with its length, so that the connection can be used again."""
        content = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        if 300 <= status < 400 and "location" in BEHAVIOUR:
            self.send_header("Location", BEHAVIOUR["location"])
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *args: object) -> None:
        """Quiet."""


def database_answers() -> bool:
    """Whether PostgreSQL takes connections: it then asks for the password."""
    url = urlsplit(os.environ["DATABASE_URL"])
    words = f"user\0{url.username}\0database\0{url.path[1:]}\0\0".encode()
    try:
        with socket.create_connection((url.hostname, url.port or 5432), timeout=5) as connection:
            connection.sendall((len(words) + 8).to_bytes(4, "big") + (3 << 16).to_bytes(4, "big") + words)
            return connection.recv(1) == b"R"
    except OSError:
        return False


def migrate() -> int:
    """What the migrate command does: as Django does, it records each migration, unless it uses another database."""
    print("migrating", flush=True)
    time.sleep(BEHAVIOUR.get("migrate_seconds", 0))
    if BEHAVIOUR.get("migrate") == "hang":
        signal.pause()
    if BEHAVIOUR.get("migrate") == "fail":
        print("relation does not exist", file=sys.stderr)
        return 3
    if BEHAVIOUR.get("migrate") != "elsewhere" and (migrations := BEHAVIOUR.get("migrations")):
        record(migrations)
    return 0


def record(migrations: list[str]) -> None:
    """Into Django's own table."""
    with Session(os.environ["DATABASE_URL"]) as session:
        session.execute("CREATE TABLE IF NOT EXISTS django_migrations (app text, name text)")
        for app, name in (migration.split(".") for migration in migrations):
            known = f"SELECT FROM django_migrations WHERE app = '{app}' AND name = '{name}'"
            session.execute(f"INSERT INTO django_migrations SELECT '{app}', '{name}' WHERE NOT EXISTS ({known})")


def sweep(words: list[str]) -> int:
    """A scheduled command: ends with the code that it is told, or once a file is there that it removes."""
    print("sweeping", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    if words[:1] == ["hang"]:
        signal.pause()
    go = Path("/app/media/go")
    while words[:1] == ["held"] and not go.exists():
        time.sleep(0.05)
    if words[:1] == ["held"]:
        go.unlink()
        return 0
    return int(words[0]) if words else 0


def finish(server: http.server.ThreadingHTTPServer) -> None:
    """End once what is open is answered; one that clings does not."""
    if not BEHAVIOUR.get("clings"):
        threading.Thread(target=server.shutdown).start()


def prepare() -> None:
    """What comes before it listens."""
    if "memory_mb" in BEHAVIOUR:
        print(f"holds {len(b'x' * (BEHAVIOUR['memory_mb'] << 20))} bytes", flush=True)
    if BEHAVIOUR.get("hang"):
        signal.pause()
    time.sleep(BEHAVIOUR.get("start_seconds", 0))
    while BEHAVIOUR.get("held") and not Path("/tmp/go").exists():
        time.sleep(0.05)
    if "writes" in BEHAVIOUR:
        Path(BEHAVIOUR["writes"]).write_text("")


def main() -> int:
    """Serve until SIGTERM, then finish what is open."""
    if sys.argv[1:] == ["migrate"]:
        return migrate()
    if sys.argv[1:2] == ["shell"]:
        if (migrations := BEHAVIOUR.get("migrations", [])) is not None:
            print("ferryman.migrations=" + json.dumps(migrations))
        return 0
    if sys.argv[1:] == ["worker"]:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        while not BEHAVIOUR.get("worker_exits"):
            signal.pause()
        return 5
    if sys.argv[1:2] == ["sweep"]:
        return sweep(sys.argv[2:])
    if "exit" in BEHAVIOUR:
        print("no such module: shop", file=sys.stderr)
        return int(BEHAVIOUR["exit"])
    prepare()
    address = (BEHAVIOUR.get("address", "0.0.0.0"), BEHAVIOUR.get("port", 8000))  # noqa: S104 - inside a container
    server = http.server.ThreadingHTTPServer(address, Handler)
    server.daemon_threads = False
    signal.signal(signal.SIGTERM, lambda *_: finish(server))
    server.serve_forever()
    server.server_close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
