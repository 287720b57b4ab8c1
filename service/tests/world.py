"""A small fleet with everybody who could ask about it: two apps, and people in every role in one of them."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.test import Client
from django.utils import timezone

from access.invitations import invite
from access.models import Invitation, Membership, Role, Scope, Token, User
from access.tokens import create_server_token, create_token
from fleet.models import App, Deployment, DeploymentEvent, Environment, Notice, Release, Server
from tests.conftest import Agent

EVERYBODY = ["owner", "member", "viewer", "stranger", "staff", "anonymous", "server"]


@dataclass
class World:
    """Asks as anybody; `app` is the one that owner, member and viewer belong to."""

    people: dict[str, User]
    agent: Agent
    app: App
    server: Server
    environment: Environment
    release: Release
    deployment: Deployment
    event: DeploymentEvent
    notice: Notice
    invitation: Invitation
    clients: dict[str, Client] = field(default_factory=dict)

    def client(self, who: str) -> Client:
        """Return the client of somebody: a signed-in browser, nobody's, or the server's agent."""
        if who not in self.clients:
            client = Client(headers={"Authorization": f"Bearer {self.agent.token}"} if who == "server" else {})
            if who in self.people:
                client.force_login(self.people[who])
            self.clients[who] = client
        return self.clients[who]

    def ask(self, who: str, method: str, path: str, body: Any = None) -> Any:
        """Ask as somebody; `path` may name the world's ids in braces."""
        send = getattr(self.client(who), method.lower())
        address = f"/api/v1/{path.format_map(self.ids()) if '{' in path else path}"
        return send(address) if body is None else send(address, body, content_type="application/json")

    def ids(self) -> dict[str, Any]:
        """Return what paths can name."""
        return {
            "app": self.app.name,
            "server": self.server.name,
            "environment": self.environment.pk,
            "release": self.release.pk,
            "deployment": self.deployment.pk,
            "event": self.event.pk,
            "notice": self.notice.pk,
            "invitation": self.invitation.pk,
            "membership": Membership.objects.get(user=self.people["viewer"], app=self.app).pk,
            "ownership": Membership.objects.get(user=self.people["owner"], app=self.app).pk,
            "token": Token.objects.filter(user=None).values_list("pk", flat=True).first(),
        }

    def token(self, who: str, *scopes: Scope) -> Client:
        """Return a client with a new token of somebody."""
        text = create_token(self.people[who], scopes)[1]
        return Client(headers={"Authorization": f"Bearer {text}"})


def make_world(agent: Agent, other_agent: Agent) -> World:
    """Report two apps from one server and a third from another; invite one, and let one token be."""
    agent.app = "shop"
    number = agent.deploy(release=3)
    agent.app = "other"
    agent.deploy(release=1, second=10)
    agent.events.append(
        {"sequence": agent.sequence + 1, "at": "2026-11-23T09:00:00Z", "kind": "agent.started", "data": {}}
    )
    assert agent.send().status_code == 200
    other_agent.app = "other"
    other_agent.deploy(release=7, second=20)
    assert other_agent.send().status_code == 200
    app = App.objects.get(name="shop")
    people = {
        name: User.objects.create_user(f"{name}@example.com", name=name.title(), is_staff=name == "staff")
        for name in ("owner", "member", "viewer", "stranger", "staff")
    }
    Membership.objects.bulk_create(
        Membership(user=people[role], app=app, role=role) for role in (Role.OWNER, Role.MEMBER, Role.VIEWER)
    )
    deployment = Deployment.objects.get(pk=uuid.UUID(str(number)))
    notices = _make_notices(deployment.environment, Environment.objects.filter(app__name="other"))
    create_server_token(agent.server)  # one that is not the agent's own, to be revoked
    return World(
        people=people,
        agent=agent,
        app=app,
        server=agent.server,
        environment=deployment.environment,
        release=Release.objects.get(environment=deployment.environment),
        deployment=deployment,
        event=DeploymentEvent.objects.filter(deployment=deployment).earliest("sequence"),
        notice=notices[0],
        invitation=invite(app, "anna@example.com", Role.VIEWER, people["owner"])[0],
    )


def _make_notices(shop: Environment, others: Iterable[Environment]) -> list[Notice]:
    """One about the shop, one about its server, one for each place of the other app; and one that has ended."""
    at = timezone.now()
    told = {"severity": "warning", "since": at, "told_at": at, "sequence": 1}
    about_shop = Notice(server=shop.server, environment=shop, code="backup-failed", subject="shop.production", **told)
    about_server = Notice(server=shop.server, code="disk-full", subject="disk", **told | {"severity": "critical"})
    ended = Notice(server=shop.server, code="reboot-needed", subject="server", ended_at=at, **told)
    about_others = [
        Notice(server=place.server, environment=place, code="backup-failed", subject="other.production", **told)
        for place in others
    ]
    return Notice.objects.bulk_create([about_shop, about_server, ended, *about_others])
