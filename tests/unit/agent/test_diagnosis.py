"""Why a release does not get healthy: what it answered, which setting is behind that, and what to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ferryman_agent.host import Host
from ferryman_agent.host.probe import Answer
from ferryman_agent.host.resources import Socket, listening
from ferryman_agent.ledger import Deployment
from ferryman_agent.manifest import parse_manifest
from ferryman_agent.testing import Behaviour, FakeMachine, broken_promises, carry_out, manifest
from ferryman_agent.transaction.steps.diagnosis import clue, exception_in

APP = "shop.production"
ANYWHERE = "0.0.0.0"  # noqa: S104 - what is said of a socket
LOGIN = "/health asks for a login: name a path in [app.roles.web] health that answers without one"
GIVEN = "the app was given ALLOWED_HOSTS=shop.example.com: make the settings read that"


def failed(machine: FakeMachine, server: Host, behaviour: Behaviour) -> Deployment:
    machine.publish("bad", behaviour)
    content = manifest(domain="shop.example.com")
    found = carry_out(server, machine.order("bad", content), f"bad {len(server.ledger.deployments())}")
    assert found.state == "failed"
    assert broken_promises(machine, server) == []
    return found


@pytest.mark.parametrize(
    ("answer", "message", "hint"),
    [
        (
            Answer(301, location="https://shop.example.com/health"),
            "answers 301, a redirect to https://shop.example.com/health",
            'SECURE_SSL_REDIRECT is on, and the app is reached over http: set it to os.environ["FERRYMAN_SCHEME"] == '
            '"https", or add /health to SECURE_REDIRECT_EXEMPT',
        ),
        (
            Answer(301, location="https://www.shop.example.com/health"),
            "answers 301, a redirect to https://www.shop.example.com/health",
            "the app sends shop.example.com elsewhere: is that PREPEND_WWW, or a middleware of its own?",
        ),
        (Answer(302, location="/accounts/login/?next=/health"), "a redirect to /accounts/login/?next=/health", LOGIN),
        (
            Answer(301, location="/health/"),
            "a redirect to /health/",
            'name the path that answers itself, such as [app.roles.web] health = "/health/"',
        ),
        (
            Answer(302, location="http://shop.example.com/en/health"),
            "a redirect to http://shop.example.com/en/health",
            'name the path that answers itself, such as [app.roles.web] health = "/en/health"',
        ),
        (Answer(302), "answers 302", "is [app.roles.web] health the right path?"),
        (Answer(302, location="http://[x"), "to http://[x", "is [app.roles.web] health the right path?"),
        (
            Answer(400, "<h1>Bad Request (400)</h1>"),
            "answers 400 to the host shop.example.com",
            f"does ALLOWED_HOSTS take shop.example.com? {GIVEN}",
        ),
        (
            Answer(400, "DisallowedHost at /health"),
            "answers 400 to the host shop.example.com",
            f"ALLOWED_HOSTS does not take shop.example.com; {GIVEN}",
        ),
        (Answer(403), "answers 403", LOGIN),
        (Answer(404), "answers 404", "is [app.roles.web] health the right path?"),
        (Answer(500), "answers 500", ""),
    ],
)
def test_an_answer_names_its_cause(machine: FakeMachine, server: Host, answer: Answer, message: str, hint: str) -> None:
    error = failed(machine, server, Behaviour(answers=[answer])).error
    assert error is not None
    assert error["message"].startswith("the health check /health answers ")
    assert error["message"].endswith(message)
    assert error["hint"] == hint


def test_the_log_may_make_it_certain_that_a_host_is_refused(machine: FakeMachine, server: Host) -> None:
    log = "Invalid HTTP_HOST header: 'shop.example.com'. You may need to add 'shop.example.com' to ALLOWED_HOSTS.\n"
    error = failed(machine, server, Behaviour(answers=[Answer(400)], log=log)).error
    assert error is not None
    assert error["hint"].startswith("ALLOWED_HOSTS does not take shop.example.com; ")


def test_hosts_that_somebody_set_on_the_server_are_not_told(machine: FakeMachine, server: Host) -> None:
    server.ledger.add_environment(APP, {"ALLOWED_HOSTS": "inner.example.com"}, "set ALLOWED_HOSTS")
    error = failed(machine, server, Behaviour(answers=[Answer(400)])).error
    assert error is not None
    assert error["hint"].endswith("it was set with `ferryman env set`, whose value wins")
    assert "inner.example.com" not in str(error)


@pytest.mark.parametrize(
    ("listening", "seen", "hint"),
    [
        (
            [Socket("127.0.0.1", 8000), Socket("127.0.0.11", 39001)],
            "it listens on 127.0.0.1:8000 alone, which only its own container reaches",
            "let it listen on 0.0.0.0:8000",
        ),
        (
            [Socket(ANYWHERE, 5000), Socket("::1", 8000)],
            "it listens on port 5000, not on 8000",
            "let it listen on 0.0.0.0:8000, or set [app.roles.web] port = 5000",
        ),
        (
            [Socket("127.0.0.11", 39001)],
            "nothing listens in its container yet",
            "what does it wait for? an entry point that waits for a database must take its host from DATABASE_URL; "
            "a slow start needs a longer health_timeout",
        ),
        ([Socket("::", 8000)], "", ""),  # it hangs
        (None, "", ""),
    ],
)
def test_an_app_that_does_not_answer_is_told_where_it_listens(
    machine: FakeMachine, server: Host, listening: list[Socket] | None, seen: str, hint: str
) -> None:
    error = failed(machine, server, Behaviour(answers=[], listening=listening)).error
    assert error is not None
    assert error["message"] == "the health check /health does not answer within 20 s" + (f": {seen}" if seen else "")
    assert error["hint"] == hint


ENDS: list[tuple[int, str, str, str]] = [
    (127, "sh: 1: gunicorn: not found", "", "a command is not in the image, or can't be run"),
    (0, "started", "", "the command ended well, but a role must stay"),
    (3, "no", "", ""),
    (
        1,
        "Traceback (most recent call last):\nModuleNotFoundError: No module named 'corsheaders'\nShutting down",
        ": ModuleNotFoundError: No module named 'corsheaders'",
        "corsheaders is not in the image",
    ),
    (
        1,
        "OSError: [Errno 30] Read-only file system: '/app/media/a.png'",
        ": OSError: [Errno 30] Read-only file system: '/app/media/a.png'",
        "/app/media/a.png is on the container's read-only root: [app.volumes] keeps its folder",
    ),
    (
        1,
        "PermissionError: [Errno 13] Permission denied: '/data/x'",
        ": PermissionError: [Errno 13] Permission denied: '/data/x'",
        "the image's user may not use /data/x",
    ),
    (
        1,
        "OSError: [Errno 28] No space left on device",
        ": OSError: [Errno 28] No space left on device",
        "is a folder of [app] tmpfs full (/tmp holds 64 MiB)",
    ),
    (
        1,
        "OSError: [Errno 28] No space left on device: '/tmp/upload'",
        ": OSError: [Errno 28] No space left on device: '/tmp/upload'",
        "/tmp is full: it is in memory and holds 64 MiB",
    ),
    (
        1,
        "sqlite3.OperationalError: unable to open database file",
        ": sqlite3.OperationalError: unable to open database file",
        "that is SQLite: make DATABASES use DATABASE_URL",
    ),
    (
        1,
        "ImportError: libpq.so.5: cannot open shared object file: No such file or directory",
        ": ImportError: libpq.so.5: cannot open shared object file: No such file or directory",
        "libpq.so.5 is not in the image",
    ),
    (
        1,
        'psycopg2.OperationalError: could not translate host name "db" to address: Name or service not known',
        ': psycopg2.OperationalError: could not translate host name "db" to address: Name or service not known',
        'nothing here is called "db"',
    ),
]


@pytest.mark.parametrize("case", ENDS, ids=[case[1][:40] for case in ENDS])
def test_a_container_that_ended_names_its_cause(
    machine: FakeMachine, server: Host, case: tuple[int, str, str, str]
) -> None:
    code, log, exception, hint = case
    error = failed(machine, server, Behaviour(exits={"web": code}, log=f"{log}\n")).error
    assert error is not None
    assert error["message"] == f"the new release's container exited with code {code}{exception}"
    assert error["hint"].startswith(hint)
    assert bool(error["hint"]) is bool(hint)


@pytest.mark.parametrize(
    ("program", "name"),
    [
        ("import os; os.environ['STRIPE_KEY']", "STRIPE_KEY"),
        ("import os; os.environ.pop('STRIPE_KEY')", "STRIPE_KEY"),
        ("{}['STRIPE_KEY']", ""),
    ],
)
def test_a_variable_that_python_misses_is_known_from_a_dictionarys_key(program: str, name: str) -> None:
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    lines = ended.stderr.splitlines()
    assert exception_in(lines) == "KeyError: 'STRIPE_KEY'"
    hint = clue(lines, parse_manifest(manifest()))
    assert hint.partition(":")[0] == (f"the settings need {name}" if name else "")


def test_a_path_in_a_volume_is_not_taken_for_one_on_the_read_only_root() -> None:
    lines = ["OSError: [Errno 30] Read-only file system: '/app/media/a.png'"]
    assert clue(lines, parse_manifest(manifest(volumes={"media": "/app/media"}))) == ""
    assert clue(lines, parse_manifest(manifest(read_only=False))) == ""


def test_migrations_that_fail_name_their_cause(machine: FakeMachine, server: Host) -> None:
    log = "django.core.exceptions.ImproperlyConfigured: Set the DB_HOST environment variable\n"
    error = failed(machine, server, Behaviour(migrations=["shop.0002"], exits={"migrate": 1}, log=log)).error
    assert error is not None
    assert error["message"].endswith("exit code 1: " + log.strip())
    assert error["hint"].startswith("the settings need DB_HOST: `ferryman env set DB_HOST`")
    assert error["hint"].endswith("or [database] variables if it is a part of the database")


def test_a_log_line_that_is_far_too_long_does_not_hold_the_agent() -> None:
    beginnings = (
        "ImportError: liba.so",
        "[Errno 30] Read-only file system: '",
        "KeyError: '",
        "<frozen os>__getitem__",
    )
    lines = ["OSError: " + (text * 2000)[:1900] for text in beginnings for _ in range(6)]
    began = time.monotonic()
    clue(lines, parse_manifest(manifest()))
    assert len(exception_in(lines)) == 300
    assert time.monotonic() - began < 1


def test_what_is_listened_on_is_seen_from_outside_of_a_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as inner, socket.create_server((ANYWHERE, 0)) as outer:
        found = listening(os.getpid())
        assert found is not None
        assert {Socket(*inner.getsockname()), Socket(*outer.getsockname())} <= set(found)
    assert Socket("::1", 1).is_loopback
    assert not Socket(ANYWHERE, 1).is_loopback
    assert listening(0) is None


def test_what_listens_over_ipv6_is_seen_too(tmp_path: Path) -> None:
    head = "  sl  local_address rem_address st\n"
    folder = tmp_path / "7" / "net"
    folder.mkdir(parents=True)
    (folder / "tcp").write_text(head)
    assert listening(7, tmp_path) == []
    (folder / "tcp6").write_text(
        f"{head}   0: {'0' * 24}01000000:1F40 {'0' * 32}:0000 0A 0\n   1: {'0' * 32}:0050 0 01\n"
    )
    assert listening(7, tmp_path) == [Socket("::1", 8000)]
    (folder / "tcp6").write_text(f"{head}   0: nonsense x 0A 0\n")
    assert listening(7, tmp_path) is None


def test_health_checks_send_the_host_and_the_scheme_of_the_app(machine: FakeMachine, server: Host) -> None:
    carry_out(server, machine.order("two", manifest(domain="shop.example.com")), "two")
    _, question, _ = machine.docker.probes[-1]
    assert (question.host, question.scheme) == ("shop.example.com", "http")
