"""The worker role: jobs run, outages pass, SIGTERM ends it in good order, and no secret is logged."""

import contextlib
import json
import re
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from ground.mail import email
from ground.postgresql import local
from tests.running import SERVICE, environment, manage

# What README.md promises.
STOP_SECONDS = 10
ORIGIN = "https://harbour.example.com"
SECRET = re.compile(r"link=[^\s]{20,}")


class MailServer(socketserver.ThreadingTCPServer):
    """Takes mails as SMTP has it, and keeps them."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.mails: list[str] = []


class Conversation(socketserver.StreamRequestHandler):
    """One client."""

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        for line in self.rfile:
            if line.upper().startswith(b"DATA"):
                self.wfile.write(b"354 go on\r\n")
                mail = b"".join(iter(self.rfile.readline, b".\r\n"))
                assert isinstance(self.server, MailServer)
                self.server.mails.append(mail.decode())
            self.wfile.write(b"250 ok\r\n")


@dataclass
class Worker:
    """A worker that runs."""

    process: subprocess.Popen[bytes]
    log: Path

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged; each line must be JSON."""
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def told(self, event: str) -> list[dict[str, Any]]:
        """Lines of one event."""
        return [line for line in self.lines() if line["event"] == event]

    def stop(self) -> tuple[int, float]:
        """SIGTERM; return the exit status and the seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(30), time.monotonic() - began


def wait_for(is_true: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with MailServer() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Path]:
    """A PostgreSQL that tests may stop, if they start it again."""
    folder = Path(f"/var/tmp/harbour-worker-{threading.get_native_id()}")  # noqa: S108
    with local.running(folder) as url:
        manage(environment(url), "migrate", "--noinput", "--verbosity=0")
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def variables(cluster: Path, mail_server: MailServer) -> dict[str, str]:
    """What a worker with an empty queue is started with."""
    url = local.url(cluster)
    with psycopg.connect(url) as connection:
        connection.execute("TRUNCATE procrastinate_jobs CASCADE")
    return environment(url, EMAIL_URL=f"smtp://127.0.0.1:{mail_server.server_address[1]}/")


@contextlib.contextmanager
def worker(variables: dict[str, str], log: Path) -> Iterator[Worker]:
    with log.open("wb") as stream:
        command = [sys.executable, "-W", "ignore", "manage.py", "work"]
        process = subprocess.Popen(command, cwd=SERVICE, env=variables, stdout=stream, stderr=subprocess.STDOUT)
    try:
        yield Worker(process, log)
    finally:
        process.kill()
        process.wait()


def hand_over_a_mail(variables: dict[str, str], to: str) -> None:
    """Have a link to set a password sent, as the page for those who forgot theirs does."""
    lines = [
        "from access import tasks; from access.models import User; from ground.jobs import hand_over",
        f"User.objects.filter(email={to!r}).exists() or User.objects.create_user({to!r})",
        f"hand_over(tasks.send_password_link, email={to!r}, origin={ORIGIN!r})",
    ]
    manage(variables, "shell", "--no-imports", "-c", "\n".join(lines))


def jobs(url: str) -> list[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT task_name, status::text FROM procrastinate_jobs ORDER BY id").fetchall()


def test_a_mail_is_sent_and_nothing_of_it_is_logged_or_kept(
    variables: dict[str, str], mail_server: MailServer, tmp_path: Path
) -> None:
    hand_over_a_mail(variables, "ada@example.com")
    with worker(variables, tmp_path / "log") as running:
        wait_for(lambda: mail_server.mails)
        wait_for(lambda: not [job for job in jobs(variables["DATABASE_URL"]) if job[0] == "send_password_link"])
        secret = SECRET.search(mail_server.mails[0])
        assert secret
        done = [line for line in running.told("job done") if line["task"] == "send_password_link"]
        assert done[0]["job"]
        status, seconds = running.stop()
    assert status == 0
    log = running.log.read_text()
    assert (secret[0] in log, ORIGIN in log, "ada@" in log) == (False, False, False)
    assert seconds < STOP_SECONDS


def test_a_mail_that_fails_is_tried_again_and_not_told_to_the_log(
    variables: dict[str, str], tmp_path: Path, mail_server: MailServer
) -> None:
    hand_over_a_mail({**variables}, "ada@example.com")
    nobody_listens = {**variables, "EMAIL_URL": "smtp://127.0.0.1:1/"}
    with worker(nobody_listens, tmp_path / "log") as running:
        wait_for(lambda: running.told("job failed"))
        wait_for(lambda: jobs(variables["DATABASE_URL"])[0] == ("send_password_link", "todo"))
        assert "Connection refused" in running.told("job failed")[0]["exception"]
    log = running.log.read_text()
    assert (SECRET.search(log), ORIGIN in log, "ada@" in log) == (None, False, False)
    assert mail_server.mails == []


def test_the_worker_outlives_an_outage_without_a_traceback(
    variables: dict[str, str], mail_server: MailServer, cluster: Path, tmp_path: Path
) -> None:
    with worker(variables, tmp_path / "log") as running:
        hand_over_a_mail(variables, "ada@example.com")
        wait_for(lambda: len(mail_server.mails) == 1)
        local.stop(cluster, "fast")
        wait_for(lambda: running.told("database lost"))
        time.sleep(3)
        assert running.process.poll() is None
        local.start(cluster)
        wait_for(lambda: running.told("database back"))
        hand_over_a_mail(variables, "anna@example.com")
        wait_for(lambda: len(mail_server.mails) == 2)
        assert running.stop()[0] == 0
    assert not [line for line in running.lines() if "exception" in line]
    assert len(running.told("database lost")) == 1


def test_a_worker_stops_while_the_database_is_away(variables: dict[str, str], cluster: Path, tmp_path: Path) -> None:
    local.stop(cluster, "fast")
    try:
        with worker(variables, tmp_path / "log") as running:
            wait_for(lambda: running.told("database lost"))
            status, seconds = running.stop()
    finally:
        local.start(cluster)
    assert (status, seconds < STOP_SECONDS) == (0, True)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("", {"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}),
        ("smtp://mail", {"EMAIL_HOST": "mail", "EMAIL_PORT": 25, "EMAIL_USE_TLS": False}),
        (
            "smtp://a%40b:p%2Fw@mail/?tls=true",
            {"EMAIL_HOST_USER": "a@b", "EMAIL_HOST_PASSWORD": "p/w", "EMAIL_PORT": 587},
        ),
        (
            "smtp://mail:1465/?ssl=true",
            {"EMAIL_USE_SSL": True, "EMAIL_PORT": 1465, "DEFAULT_FROM_EMAIL": "harbour@mail"},
        ),
    ],
)
def test_addresses_of_mail_servers(url: str, expected: dict[str, Any]) -> None:
    assert expected.items() <= email(url, "").items()
