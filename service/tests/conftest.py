"""What the tests share: a server with its token, and reports as an agent would send them."""

import shutil
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import WSGIApplication

import pytest
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.test import Client
from msgspec.structs import replace

from access.models import User
from access.tokens import create_server_token
from fleet.models import Server
from ground.postgresql import local
from tests.people import PASSWORD
from tests.settings import CLUSTER, OWN_CLUSTER

AT = "2026-11-23T08:00:{:06.3f}Z"


@dataclass
class Agent:
    """Sends reports as one server's agent."""

    client: Client
    server: Server
    token: str
    sequence: int = 0
    app: str = "harbour"
    environment: str = "production"
    events: list[dict[str, Any]] = field(default_factory=list)

    def tell(self, kind: str, deployment: uuid.UUID, data: dict[str, Any], second: float = 0) -> dict[str, Any]:
        """Put one event into the outbox."""
        self.sequence += 1
        event = {
            "sequence": self.sequence,
            "at": AT.format(second),
            "kind": kind,
            "app": self.app,
            "environment": self.environment,
            "deployment": str(deployment),
            "data": data,
        }
        self.events.append(event)
        return event

    def deploy(self, release: int, outcome: str = "succeeded", second: float = 0) -> uuid.UUID:
        """Put a whole deployment of five events into the outbox."""
        number = uuid.uuid4()
        described = {
            "number": release,
            "revision": f"{release:040x}",
            "image": "ferryman/harbour",
            "digest": "sha256:1",
        }
        self.tell("deployment.started", number, {"kind": "deploy", "release": described, "previous": None}, second)
        for state, after in (("started", 0.1), ("done", 0.6)):
            seconds = 0.5 if state == "done" else None
            self.tell("deployment.step", number, {"step": "pull", "state": state, "seconds": seconds}, second + after)
        self.tell("deployment.step", number, {"step": "commit", "state": "done", "seconds": 0.01}, second + 0.7)
        self.tell("deployment.finished", number, {"outcome": outcome, "seconds": 0.8, "error": None}, second + 0.8)
        return number

    def notice(self, code: str, /, place: bool = True, **told: Any) -> dict[str, Any]:
        """Put a notice into the outbox, about the app or about the server."""
        subject = f"{self.app}.{self.environment}" if place else "disk"
        usual = {"code": code, "subject": subject, "severity": "warning", "since": AT.format(0), "ended": False}
        self.sequence += 1
        event = {"sequence": self.sequence, "at": AT.format(1), "kind": "notice", "data": usual | told}
        if place:
            event |= {"app": self.app, "environment": self.environment}
        self.events.append(event)
        return event

    def send(self, events: list[dict[str, Any]] | None = None) -> Any:
        """Send the outbox, or the events given, and return the answer."""
        body = {"agent": "0.1.0", "events": self.events if events is None else events}
        return self.post(body)

    def post(self, body: Any, **headers: str) -> Any:
        """Send any body."""
        headers.setdefault("Authorization", f"Bearer {self.token}")
        return self.client.post("/api/v1/reports/", body, content_type="application/json", headers=headers)


@pytest.fixture(scope="session")
def django_db_modify_db_settings() -> Iterator[None]:
    """Run before pytest-django makes the test database, which needs a server."""
    if not OWN_CLUSTER:
        yield
        return
    with local.running(CLUSTER):
        yield
    shutil.rmtree(CLUSTER)


@pytest.fixture
def agent(db: None, client: Client) -> Agent:
    """An agent that may report."""
    server = Server.objects.create(name="vps-1")
    return Agent(client, server, create_server_token(server))


@pytest.fixture
def other_agent(db: None, client: Client) -> Agent:
    """An agent of another server."""
    server = Server.objects.create(name="vps-2")
    return Agent(client, server, create_server_token(server))


@pytest.fixture
def public_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading is open to all."""
    opened = replace(settings.CONFIGURATION, public_read=True)
    monkeypatch.setattr(settings, "CONFIGURATION", opened)


@pytest.fixture
def ada(db: None) -> User:
    """Somebody with an account."""
    return User.objects.create_user("ada@example.com", PASSWORD, name="Ada")


@pytest.fixture
def sends_mail(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a mail server; what goes to it lands in Django's outbox."""
    configured = replace(settings.CONFIGURATION, email_url="smtp://mail.example.com")
    monkeypatch.setattr(settings, "CONFIGURATION", configured)


@pytest.fixture
def application(db: None) -> Iterator[WSGIApplication]:
    """Harbour as a server would run it, but it leaves the test's connection open, as Django's own test client does."""
    wsgi = get_wsgi_application()

    def answer(environ: dict[str, Any], start: Any) -> Any:
        # Here, because the test client connects them again after each of its requests.
        for signal in (request_started, request_finished):
            signal.disconnect(close_old_connections)
        return wsgi(environ, start)

    yield answer
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
