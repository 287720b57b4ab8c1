"""Polls of an open page: 304 while nothing is new, and what is new otherwise, without what the page has."""

import re
import uuid
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access.models import Membership, Role
from access.tokens import create_server_token
from fleet.models import App, Server
from tests.conftest import Agent
from tests.world import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(agent: Agent, other_agent: Agent) -> World:
    """Two apps on two servers, and people in every role in one of them."""
    return make_world(agent, other_agent)


def poll(client: Client, etag: str = "", address: str = "/live/") -> Any:
    return client.get(address, headers={"If-None-Match": etag} if etag else {})


def versions(text: str) -> list[str]:
    return re.findall(r'data-version="(\w+)"', text)


@pytest.mark.parametrize("who", ["owner", "staff"])
def test_a_quiet_poll_costs_one_query_beside_session_and_person(world: World, who: str) -> None:
    client = world.client(who)
    first = poll(client)
    assert first.status_code == 200
    with CaptureQueriesContext(connection) as captured:
        again = poll(client, first.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert "private" in again.headers["Cache-Control"]
    assert len(captured) == 3


@pytest.mark.usefixtures("public_read")
def test_a_quiet_poll_of_nobody_costs_one_query(world: World) -> None:
    etag = poll(world.client("anonymous")).headers["ETag"]
    with CaptureQueriesContext(connection) as captured:
        assert poll(world.client("anonymous"), etag).status_code == 304
    assert len(captured) == 1


def test_a_report_ends_304(world: World) -> None:
    client = world.client("owner")
    etag = poll(client).headers["ETag"]
    world.agent.app, world.agent.events = "shop", []
    world.agent.deploy(release=4, second=30)
    world.agent.send()
    assert poll(client, etag).status_code == 200


@pytest.mark.parametrize("who", ["owner", "staff"])
def test_a_notice_ends_304(world: World, who: str) -> None:
    client = world.client(who)
    etag = poll(client).headers["ETag"]
    world.agent.app, world.agent.events = "shop", []
    world.agent.sequence += 1
    world.agent.notice("certificate-expires", place=False)
    world.agent.send()
    answer = poll(client, etag)
    assert answer.status_code == 200
    assert "certificate-expires" in answer.content.decode()


def test_a_notice_of_a_server_without_an_app_ends_304_of_who_sees_all(world: World) -> None:
    client = world.client("staff")
    server = Server.objects.create(name="vps-3")
    etag = poll(client).headers["ETag"]
    fresh = Agent(world.agent.client, server, create_server_token(server))
    fresh.notice("disk-full", place=False)
    assert fresh.send().status_code == 200
    assert "vps-3" in poll(client, etag).content.decode()


def test_a_report_of_a_server_that_he_does_not_see_does_not_end_304(world: World) -> None:
    client = world.client("owner")
    etag = poll(client).headers["ETag"]
    Server.objects.filter(name="vps-2").update(last_reported_at="2026-11-24T00:00:00Z")
    assert poll(client, etag).status_code == 304


def test_of_two_reports_the_one_that_is_stored_last_but_began_first_ends_304_too(world: World) -> None:
    client = world.client("staff")
    Server.objects.filter(name="vps-2").update(last_reported_at="2030-01-01T00:00:02Z")
    etag = poll(client).headers["ETag"]
    Server.objects.filter(name="vps-1").update(last_reported_at="2030-01-01T00:00:01Z")
    assert poll(client, etag).status_code == 200


def test_a_new_membership_ends_304(world: World) -> None:
    client = world.client("stranger")
    etag = poll(client).headers["ETag"]
    Membership.objects.create(user=world.people["stranger"], app=world.app, role=Role.VIEWER)
    answer = poll(client, etag)
    assert answer.status_code == 200
    assert str(world.deployment.pk) in answer.content.decode()


def test_two_people_and_two_filters_never_share_a_version(world: World) -> None:
    tags = {
        poll(world.client(who), address=address).headers["ETag"]
        for who in ("owner", "member", "staff")
        for address in ("/live/", "/live/?app=shop", "/live/?outcome=failed")
    }
    assert len(tags) == 9


def test_what_the_page_has_is_not_sent_again_and_does_not_change_the_version(world: World) -> None:
    client = world.client("staff")
    first = poll(client)
    had = versions(first.content.decode())
    assert len(had) == 3
    again = poll(client, address=f"/live/?known={','.join(had)}")
    assert again.headers["ETag"] == first.headers["ETag"]
    text = again.content.decode()
    assert versions(text) == []
    assert text.count(" data-same>") == 3


def test_a_change_is_sent_and_the_rest_is_not(world: World) -> None:
    client = world.client("staff")
    had = versions(poll(client).content.decode())
    world.agent.app, world.agent.events = "shop", []
    number = world.agent.deploy(release=4, second=30)
    world.agent.send(world.agent.events[:3])
    text = poll(client, address=f"/live/?known={','.join(had)}").content.decode()
    assert len(versions(text)) == 1
    assert f'id="deployment-{number}" data-version=' in text
    assert text.index(str(number)) < text.index(" data-same>")


def test_a_poll_of_one_deployment_is_304_until_it_changes(world: World) -> None:
    client = world.client("viewer")
    world.agent.app, world.agent.events = "shop", []
    number = world.agent.deploy(release=4, second=30)
    world.agent.send(world.agent.events[:2])
    address = f"/deployments/{number}/live/"
    first = poll(client, address=address)
    assert "data-moves" in first.content.decode()
    assert poll(client, first.headers["ETag"], address).status_code == 304
    world.agent.send(world.agent.events[2:])
    last = poll(client, first.headers["ETag"], address)
    assert last.status_code == 200
    assert "data-moves" not in last.content.decode()


@pytest.mark.parametrize("who", ["stranger", "owner"])
def test_a_poll_of_a_deployment_that_may_not_be_seen_is_404(world: World, who: str) -> None:
    other = App.objects.get(name="other").environments.all()[0].deployments.all()[0]
    assert poll(world.client(who), address=f"/deployments/{other.pk}/live/").status_code == 404
    assert poll(world.client(who), address=f"/deployments/{uuid.uuid4()}/live/").status_code == 404
