"""The first page: who sees it, its filter and its paging, and that it needs no inline style or script."""

import itertools
import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access.models import Membership, Role, User
from fleet.models import App, Deployment, Environment, Release, Server
from tests.conftest import Agent
from tests.world import World, make_world

pytestmark = pytest.mark.django_db
NEVER = "8b6f6ed8-6ac3-4c38-8bdc-b2a0bd8ec2fd"
HOSTILE = "<script>alert(1)</script>\"'&"


@pytest.fixture
def world(agent: Agent, other_agent: Agent) -> World:
    """Two apps on two servers, and people in every role in one of them."""
    return make_world(agent, other_agent)


def page(client: Client, address: str = "/") -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer
    return answer.content.decode()


def shown(text: str) -> list[str]:
    """The deployments on a page, newest first."""
    return re.findall(r'<li class="\w+" id="deployment-([0-9a-f-]{36})"', text)


def make_many(count: int, outcome: str = "succeeded") -> list[Deployment]:
    """Deployments of one app on one server, a minute apart."""
    app, _ = App.objects.get_or_create(name="many")
    server, _ = Server.objects.get_or_create(name="vps-9")
    place, _ = Environment.objects.get_or_create(app=app, server=server, name="production")
    release, _ = Release.objects.get_or_create(environment=place, number=1, defaults={"created_at": datetime.now(UTC)})
    begin = datetime(2026, 11, 1, tzinfo=UTC)
    steps = [
        {"step": f"step {number}", "state": "done", "started_at": begin.isoformat(), "seconds": 0.5, "detail": ""}
        for number in range(12)
    ]
    return Deployment.objects.bulk_create(
        Deployment(
            id=uuid.uuid4(),
            environment=place,
            release=release,
            outcome=outcome,
            started_at=begin + timedelta(minutes=number),
            finished_at=begin + timedelta(minutes=number, seconds=9),
            seconds=9,
            steps=steps,
        )
        for number in range(count)
    )


@pytest.mark.parametrize(
    "address", ["/", "/?app=shop", "/servers/", "/apps/shop/", f"/deployments/{NEVER}/", "/account/"]
)
def test_who_is_not_signed_in_is_asked_to(client: Client, address: str) -> None:
    answer = client.get(address)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("/sign-in/?next=/")
    assert client.get(answer.headers["Location"]).status_code == 200


@pytest.mark.parametrize("address", ["/live/", f"/deployments/{NEVER}/live/"])
def test_a_poll_of_nobody_is_answered_401(client: Client, address: str) -> None:
    assert client.get(address).status_code == 401


@pytest.mark.parametrize("who", ["owner", "member", "viewer"])
def test_people_see_the_app_they_belong_to_and_no_other(world: World, who: str) -> None:
    text = page(world.client(who))
    assert shown(text) == [str(world.deployment.pk)]
    assert "vps-1" in text
    assert "vps-2" not in text
    assert "other" not in re.sub(r"<[^>]+>", "", text)


def test_a_stranger_sees_nothing(world: World) -> None:
    text = page(world.client("stranger"))
    assert shown(text) == []
    assert "You are not a member of an app yet" in text
    assert "shop" not in text


def test_staff_see_everything(world: World) -> None:
    assert len(shown(page(world.client("staff")))) == 3


@pytest.mark.usefixtures("public_read")
def test_public_read_opens_the_fleet_to_nobody_in_particular(world: World) -> None:
    assert len(shown(page(world.client("anonymous")))) == 3


@pytest.mark.usefixtures("public_read")
def test_an_empty_fleet_tells_how_to_begin(client: Client) -> None:
    assert "No agent has reported yet" in page(client)


@pytest.mark.usefixtures("public_read")
def test_the_serving_release_and_each_steps_seconds_are_shown(agent: Agent) -> None:
    agent.deploy(release=3)
    agent.send()
    text = page(agent.client)
    assert re.search(r"release <b>3</b>", text)
    assert "0.50 s" in text
    assert ">succeeded<" in text


@pytest.mark.usefixtures("public_read")
@pytest.mark.parametrize("error", [{}, {"log": "text"}, {"log": None, "message": 7}, {"log": {"a": 1}}])
def test_an_error_of_another_form_does_not_break_the_page(agent: Agent, error: dict[str, object]) -> None:
    number = agent.deploy(release=3, outcome="failed")
    agent.events[-1]["data"]["error"] = error
    assert agent.send().status_code == 200
    assert "It failed without a message" in page(agent.client) or not error
    page(agent.client, f"/deployments/{number}/")


@pytest.mark.usefixtures("public_read")
def test_the_example_fleet_needs_no_inline_style_or_script_and_few_queries(client: Client) -> None:
    call_command("load_example_data", verbosity=0)
    with CaptureQueriesContext(connection) as captured:
        answer = client.get("/")
    assert len(captured) == 3  # environments, deployments, notices
    text = answer.content.decode()
    assert not re.search(r"<style|<script(?! type=\"module\" src=)|\sstyle=|\son\w+=", text)
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    for state in ("succeeded", "failed", "cancelled", "interrupted", "unchanged"):
        assert f">{state}<" in text


@pytest.mark.parametrize("who", ["owner", "staff"])
def test_queries_do_not_grow_with_deployments(world: World, who: str) -> None:
    client = world.client(who)
    Membership.objects.create(user=world.people["owner"], app=App.objects.create(name="many"), role=Role.OWNER)
    counts = []
    for count in (1, 19):
        make_many(count)
        with CaptureQueriesContext(connection) as captured:
            page(client)
        counts.append(len(captured))
    assert counts == [5, 5]  # session, person, environments, deployments, notices


@pytest.mark.usefixtures("public_read")
def test_a_running_deployment_is_shown_with_its_beginning(agent: Agent) -> None:
    agent.deploy(release=3)
    agent.send(agent.events[:2])
    text = page(agent.client)
    assert ">running<" in text
    assert "data-moves" in text
    assert "data-began=" in text


@pytest.mark.usefixtures("public_read")
def test_a_running_deployment_without_news_says_so_and_does_not_move(agent: Agent) -> None:
    agent.deploy(release=3)
    agent.send(agent.events[:2])
    Server.objects.update(last_reported_at=datetime.now(UTC) - timedelta(minutes=12))
    text = page(agent.client)
    assert "no news for 12" in text
    assert "data-moves" not in text


@pytest.mark.usefixtures("public_read")
@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("app=shop", 1),
        ("app=other", 2),
        ("app=other&server=vps-2", 1),
        ("environment=production", 3),
        ("environment=staging", 0),
        ("outcome=succeeded", 3),
        ("outcome=failed", 0),
        ("outcome=running", 0),
        ("app=shop&server=vps-2", 0),
        ("app=%00&outcome=%00", 0),
        ("outcome=nonsense", 0),
        ("before=nonsense&after=", 3),
    ],
)
def test_the_filter_leaves_what_it_names(world: World, query: str, count: int) -> None:
    text = page(world.client("anonymous"), f"/?{query}")
    assert len(shown(text)) == count
    assert ("No deployment matches this filter" in text) == (count == 0)


@pytest.mark.usefixtures("public_read")
def test_the_filter_stands_in_the_form_and_in_the_links_of_the_pages(client: Client) -> None:
    make_many(25)
    text = page(client, "/?app=many&outcome=succeeded")
    assert "<option selected>many</option>" in text
    assert "<option selected>succeeded</option>" in text
    assert 'href="/?app=many&amp;outcome=succeeded&amp;before=' in text
    assert "/live/?app=many&amp;outcome=succeeded" in text


@pytest.mark.usefixtures("public_read")
def test_a_filter_can_not_inject(client: Client) -> None:
    make_many(1)
    text = page(client, f"/?app={HOSTILE}&outcome={HOSTILE}")
    assert "<script>alert" not in text


@pytest.mark.usefixtures("public_read")
def test_pages_hold_every_deployment_once_both_ways_without_counting(client: Client) -> None:
    made = [str(one.pk) for one in reversed(make_many(45))]
    address, pages = "/", []
    with CaptureQueriesContext(connection) as captured:
        while address:
            text = page(client, address)
            pages.append(shown(text))
            older = re.search(r'rel="next" href="(/[^"]*)"', text)
            address = older[1].replace("&amp;", "&") if older else ""
    assert [len(one) for one in pages] == [20, 20, 5]
    assert list(itertools.chain(*pages)) == made
    assert not any("COUNT(" in one["sql"] for one in captured)
    newer = re.search(r'rel="prev" href="(/[^"]*)"', text)
    assert newer
    text = page(client, newer[1])
    assert shown(text) == pages[1]
    newer = re.search(r'rel="prev" href="(/[^"]*)"', text)
    assert newer
    text = page(client, newer[1])
    assert shown(text) == pages[0]


@pytest.mark.usefixtures("public_read")
def test_deployments_that_began_at_the_same_moment_are_not_lost_between_pages(client: Client) -> None:
    make_many(45)
    Deployment.objects.update(started_at=datetime(2026, 11, 1, tzinfo=UTC))
    first = page(client)
    older = re.search(r'rel="next" href="(/[^"]*)"', first)
    assert older
    assert not set(shown(first)) & set(shown(page(client, older[1])))


@pytest.mark.usefixtures("public_read")
def test_behind_the_oldest_there_is_a_way_back(client: Client) -> None:
    (only,) = make_many(1)
    text = page(client, f"/?before=1-{'0' * 32}")
    assert "No older deployment" in text
    assert str(only.pk) not in text


def test_a_page_that_is_not_there_is_answered_404_without_a_look_at_the_session(world: World) -> None:
    client = world.client("owner")
    with CaptureQueriesContext(connection) as captured:
        answer = client.get("/nothing")
    assert answer.status_code == 404
    assert b"There is nothing at this address" in answer.content
    assert len(captured) == 0


def test_a_form_of_another_site_is_refused_with_a_page(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.people["owner"])
    for address in ("/sign-out/", "/account/", "/apps/shop/invitations/", f"/deployments/{world.deployment.pk}/"):
        answer = client.post(address, {"note": "forged", "action": "name"})
        assert answer.status_code == 403, address
        assert b"The form is too old" in answer.content
    assert User.objects.count() == 5
