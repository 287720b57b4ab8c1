"""The pages of a deployment, the servers and an app: who reads what, who may change what, and hostile data."""

import re
import uuid

import pytest
from django.db import connection
from django.template import engines
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from access.models import Invitation, Membership, Role, User
from fleet.models import App, Deployment, Notice, Server
from tests.conftest import Agent
from tests.people import text
from tests.world import World, make_world

pytestmark = pytest.mark.django_db
HOSTILE = "<script>alert(1)</script>\"'&"
READERS = ["owner", "member", "viewer", "staff"]
CHANGES = ["edit/", "invitations/", "invitations/{invitation}/", "members/{membership}/"]


@pytest.fixture
def world(agent: Agent, other_agent: Agent) -> World:
    """Two apps on two servers, and people in every role in one of them."""
    return make_world(agent, other_agent)


def address(world: World) -> str:
    return f"/deployments/{world.deployment.pk}/"


# One deployment


@pytest.mark.parametrize("who", READERS)
def test_a_deployment_is_shown_to_who_sees_its_app(world: World, who: str) -> None:
    shown = text(world.client(who).get(address(world)))
    assert "0.50 s" in shown
    assert f"{3:040x}" in shown


def test_to_a_stranger_there_is_no_such_deployment(world: World) -> None:
    assert world.client("stranger").get(address(world)).status_code == 404
    assert world.client("stranger").post(address(world), {"note": "mine"}).status_code == 404
    assert world.client("owner").get(f"/deployments/{uuid.uuid4()}/").status_code == 404


def test_a_failure_is_shown_with_exit_code_log_and_answer_and_can_not_inject(world: World) -> None:
    error = {"code": "crashed", "message": f"web {HOSTILE}", "exit_code": 137, "log": [HOSTILE, "KeyError"]}
    Deployment.objects.update(
        outcome="failed",
        error=error | {"http_status": 503, "http_body": HOSTILE},
        stayed=["app.0002_x", HOSTILE],
        note=HOSTILE,
        commits=[{"revision": "a" * 40, "subject": HOSTILE, "author": HOSTILE, "at": "2026-11-23T08:00:00Z"}],
        steps=[
            {"step": HOSTILE, "state": "failed", "started_at": "2026-11-23T08:00:00Z", "seconds": 1, "detail": HOSTILE}
        ],
    )
    for page in (address(world), "/"):
        shown = text(world.client("owner").get(page))
        assert "<script>alert" not in shown
        assert "&lt;script&gt;alert" in shown
        assert "exit code <b>137</b>" in shown
        assert "HTTP <b>503</b>" in shown
        assert "app.0002_x" in shown
        assert "KeyError" in shown


@pytest.mark.parametrize(
    ("repository", "link"),
    [
        ("https://git.example.com/a/shop", "https://git.example.com/a/shop/commit/" + "a" * 40),
        ("https://git.example.com/a/shop.git/", "https://git.example.com/a/shop/commit/" + "a" * 40),
        ("https://git.example.com/a/shop.git", "https://git.example.com/a/shop/commit/" + "a" * 40),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
def test_commits_are_shown_and_link_to_the_apps_repository(world: World, repository: str, link: str | None) -> None:
    App.objects.update(repository=repository)
    commit = {"revision": "a" * 40, "subject": "Answer orders", "author": "Ada", "at": "2026-11-23T08:00:00Z"}
    Deployment.objects.update(commits=[commit], commits_complete=True)
    shown = text(world.client("viewer").get(address(world)))
    assert "Answer orders" in shown
    assert "There may be more" not in shown
    assert "javascript:" not in shown
    if link:
        assert f'href="{link}"' in shown


@pytest.mark.parametrize("commits", [7, {}, "text", [1, None, {}, {"revision": 7, "at": "yesterday"}]])
def test_commits_of_another_form_do_not_break_the_page(world: World, commits: object) -> None:
    Deployment.objects.update(commits=commits)
    shown = text(world.client("viewer").get(address(world)))
    assert 'class="waterfall"' in shown
    assert "yesterday" not in shown


@pytest.mark.parametrize("who", ["owner", "member", "staff"])
def test_who_writes_keeps_a_note_and_all_readers_read_it(world: World, who: str) -> None:
    answer = world.client(who).post(address(world), {"note": "Rolled back by hand"}, follow=True)
    assert "The note is kept" in text(answer)
    world.deployment.refresh_from_db()
    assert world.deployment.note == "Rolled back by hand"
    assert world.deployment.noted_by == world.people[who]
    shown = text(world.client("viewer").get(address(world)))
    assert "Rolled back by hand" in shown
    assert str(world.people[who]) in shown
    assert "<textarea" not in shown


def test_an_empty_note_is_none(world: World) -> None:
    for note in ("something", "  "):
        world.client("member").post(address(world), {"note": note})
    world.deployment.refresh_from_db()
    assert (world.deployment.note, world.deployment.noted_by, world.deployment.noted_at) == ("", None, None)


def test_a_note_that_is_too_long_is_refused_beside_the_field(world: World) -> None:
    shown = text(world.client("member").post(address(world), {"note": "x" * 2001}))
    assert "at most 2000 characters" in shown
    assert 'aria-invalid="true"' in shown
    world.deployment.refresh_from_db()
    assert world.deployment.note == ""


def test_a_viewer_may_not_write_a_note(world: World) -> None:
    assert world.client("viewer").post(address(world), {"note": "mine"}).status_code == 403
    world.deployment.refresh_from_db()
    assert world.deployment.note == ""


@pytest.mark.usefixtures("public_read")
def test_public_read_shows_a_note_but_not_who_wrote_it_and_takes_none(world: World) -> None:
    world.client("member").post(address(world), {"note": "Rolled back by hand"})
    shown = text(world.client("anonymous").get(address(world)))
    assert "Rolled back by hand" in shown
    assert "Member" not in shown
    assert world.client("anonymous").post(address(world), {"note": "mine"}).status_code == 403


# Servers


def test_servers_show_only_the_apps_that_may_be_seen(world: World) -> None:
    shown = re.sub(r"<[^>]+>", " ", text(world.client("viewer").get("/servers/")))
    assert "vps-1" in shown
    assert "shop" in shown
    assert "vps-2" not in shown
    assert "other" not in shown
    assert "No server carries" in text(world.client("stranger").get("/servers/"))


def test_servers_that_are_stale_or_have_gaps_are_marked(world: World) -> None:
    shown = text(world.client("staff").get("/servers/"))
    assert "silent for a week" not in shown
    assert "never came" not in shown
    gaps = [[1, 1], [4, 5], [7, 7], [9, 9], [11, 11], [20, 29]]
    Server.objects.filter(name="vps-1").update(last_reported_at="2026-01-01T00:00:00Z", gaps=gaps)
    Server.objects.filter(name="vps-2").update(last_reported_at=None, gaps=["odd", [1], None])
    shown = text(world.client("staff").get("/servers/"))
    assert "silent for a week" in shown
    assert "never reported" in shown
    assert "16 events never came: …, 4\u20135, 7, 9, 11, 20\u201329" in shown


def test_queries_of_servers_do_not_grow(world: World) -> None:
    client = world.client("staff")
    Server.objects.bulk_create(Server(name=f"vps-{number}") for number in range(10, 40))
    with CaptureQueriesContext(connection) as captured:
        text(client.get("/servers/"))
    assert len(captured) == 5  # session, person, servers, environments, notices


def test_open_notices_are_shown_with_their_server_and_those_that_ended_are_not(world: World) -> None:
    Notice.objects.update(message=HOSTILE, next=f"Run {HOSTILE}")
    for page in ("/servers/", "/"):
        shown = text(world.client("viewer").get(page))
        assert f'id="notice-{world.notice.pk}"' in shown
        assert "disk-full" in shown
        assert "reboot-needed" not in shown
        assert "other.production" not in shown
        assert "<script>alert" not in shown
        assert "Next: Run &lt;script&gt;" in shown
    assert text(world.client("staff").get("/servers/")).count("other.production") >= 2
    assert 'class="notices"' not in text(world.client("stranger").get("/"))


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("run `ferryman doctor`, then wait", "run <code>ferryman doctor</code>, then wait"),
        ("`<b>` & `x`", "<code>&lt;b&gt;</code> &amp; <code>x</code>"),
        ("{} and `{0}`", "{} and <code>{0}</code>"),
        ("a stray ` and <b>", "a stray ` and &lt;b&gt;"),
        ("", ""),
    ],
)
def test_what_stands_between_backticks_is_code(text: str, shown: str) -> None:
    template = engines["django"].from_string("{% load fleet %}{{ text|with_code }}")
    assert template.render({"text": text}) == shown


def test_the_worst_notices_come_first_and_the_first_page_shows_a_few(world: World) -> None:
    shown = text(world.client("staff").get("/"))
    assert shown.index("disk-full") < shown.index("backup-failed")
    told = {"severity": "info", "since": timezone.now(), "told_at": timezone.now(), "sequence": 1}
    Notice.objects.bulk_create(Notice(server=world.server, code=f"odd-{number}", **told) for number in range(20))
    shown = text(world.client("staff").get("/"))
    assert shown.count('id="notice-') == 8
    assert "and 16 more" in shown


def test_a_deployment_tells_for_how_long_the_app_did_not_answer(world: World) -> None:
    assert "down for" not in text(world.client("viewer").get(address(world)))
    Deployment.objects.update(downtime=2.125)
    for page in (address(world), "/"):
        assert "down for 2.12 s" in text(world.client("viewer").get(page))


# An app


@pytest.mark.parametrize("who", ["owner", "staff"])
def test_an_owner_sees_members_and_invitations(world: World, who: str) -> None:
    shown = text(world.client(who).get("/apps/shop/"))
    for email in ("owner@example.com", "member@example.com", "viewer@example.com", "anna@example.com"):
        assert email in shown


@pytest.mark.parametrize("who", ["member", "viewer"])
def test_others_see_their_own_role_alone(world: World, who: str) -> None:
    shown = text(world.client(who).get("/apps/shop/"))
    assert f"{who}@example.com" in shown
    assert "owner@example.com" not in shown
    assert "anna@example.com" not in shown
    assert "Invite" not in shown


@pytest.mark.usefixtures("public_read")
def test_public_read_shows_the_app_and_nobody(world: World) -> None:
    shown = text(world.client("anonymous").get("/apps/shop/"))
    assert "@example.com" not in shown


def test_to_a_stranger_there_is_no_such_app(world: World) -> None:
    assert world.client("stranger").get("/apps/shop/").status_code == 404
    assert world.client("owner").get("/apps/other/").status_code == 404


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("who", "status"), [("member", 403), ("viewer", 403), ("stranger", 404), ("anonymous", 302)])
def test_only_owners_change_anything(world: World, change: str, who: str, status: int) -> None:
    before = sorted(Membership.objects.values_list("pk", "role")), Invitation.objects.count(), str(App.objects.values())
    data = {"invite-email": "new@example.com", "invite-role": "owner", "role": "owner", "description": "mine"}
    answer = world.client(who).post(f"/apps/shop/{change.format_map(world.ids())}", data)
    assert answer.status_code == status
    after = sorted(Membership.objects.values_list("pk", "role")), Invitation.objects.count(), str(App.objects.values())
    assert after == before


@pytest.mark.parametrize("change", ["invitations/{invitation}/", "members/{membership}/"])
def test_an_owner_changes_nothing_of_another_app(world: World, change: str) -> None:
    other = App.objects.create(name="third")
    Membership.objects.create(user=world.people["stranger"], app=other, role=Role.OWNER)
    answer = world.client("stranger").post(f"/apps/third/{change.format_map(world.ids())}", {"action": "remove"})
    assert answer.status_code == 404
    assert Membership.objects.filter(app=world.app).count() == 3
    assert Invitation.objects.count() == 1


def test_an_owner_edits_the_app(world: World) -> None:
    data = {"description": f"Sells {HOSTILE}", "repository": "https://git.example.com/a/shop"}
    shown = text(world.client("owner").post("/apps/shop/edit/", data, follow=True))
    assert "<script>alert" not in shown
    world.app.refresh_from_db()
    assert world.app.repository == "https://git.example.com/a/shop"


@pytest.mark.parametrize("repository", ["javascript:alert(1)", "ftp://git.example.com/x", "nonsense"])
def test_a_repository_that_is_no_web_address_is_refused(world: World, repository: str) -> None:
    shown = text(world.client("owner").post("/apps/shop/edit/", {"repository": repository}))
    assert "Enter a valid URL" in shown
    world.app.refresh_from_db()
    assert world.app.repository == ""


def test_an_owner_changes_a_role_and_ends_a_membership(world: World) -> None:
    viewer = Membership.objects.get(user=world.people["viewer"])
    change = f"/apps/shop/members/{viewer.pk}/"
    assert "Viewer is member now" in text(world.client("owner").post(change, {"role": "member"}, follow=True))
    viewer.refresh_from_db()
    assert viewer.role == Role.MEMBER
    assert "There is no such role" in text(world.client("owner").post(change, {"role": "king"}, follow=True))
    text(world.client("owner").post(change, {"action": "remove", "role": "member"}, follow=True))
    assert world.client("viewer").get("/apps/shop/").status_code == 404


@pytest.mark.parametrize("data", [{"action": "remove"}, {"role": "viewer"}])
def test_the_last_owner_stays(world: World, data: dict[str, str]) -> None:
    own = Membership.objects.get(user=world.people["owner"])
    answer = world.client("owner").post(f"/apps/shop/members/{own.pk}/", data)
    assert answer.status_code == 409
    assert "An app keeps an owner" in answer.content.decode()
    own.refresh_from_db()
    assert own.role == Role.OWNER


def test_an_owner_who_leaves_comes_to_the_fleet(world: World) -> None:
    Membership.objects.filter(user=world.people["member"]).update(role=Role.OWNER)
    own = Membership.objects.get(user=world.people["owner"])
    answer = world.client("owner").post(f"/apps/shop/members/{own.pk}/", {"action": "remove"})
    assert answer.headers["Location"] == "/"


def test_an_invitation_is_withdrawn(world: World) -> None:
    text(world.client("owner").post(f"/apps/shop/invitations/{world.invitation.pk}/", follow=True))
    assert not Invitation.objects.exists()


def test_queries_of_an_app_do_not_grow_with_its_members(world: World) -> None:
    client = world.client("owner")
    counts = []
    for number in (0, 1):
        people = [User(email=f"p{number}-{one}@example.com") for one in range(10)]
        User.objects.bulk_create(people)
        Membership.objects.bulk_create(Membership(user=one, app=world.app, role=Role.VIEWER) for one in people)
        with CaptureQueriesContext(connection) as captured:
            text(client.get("/apps/shop/"))
        counts.append(len(captured))
    assert counts[0] == counts[1] <= 7
