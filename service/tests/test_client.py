"""The Python client against the real application: every operation, pages, errors, ETags and waiting."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, get_type_hints
from wsgiref.types import WSGIApplication

import httpx
import pytest

from access.models import Scope
from access.tokens import create_token
from api.description.views import described
from harbour_client import Conflict, Forbidden, Harbour, NotFound, NotValid, TryLater, Unauthorized, answers
from harbour_client.client import OPERATIONS
from harbour_client.errors import NoAnswer
from harbour_client.transport import REMEMBERED_ANSWERS, Transport
from tests.conftest import Agent
from tests.world import World, make_world

pytestmark = pytest.mark.django_db
Connect = Callable[..., Harbour]


@pytest.fixture
def world(agent: Agent, other_agent: Agent) -> World:
    """The fleet with its people."""
    return make_world(agent, other_agent)


@pytest.fixture
def connect(application: WSGIApplication) -> Connect:
    """Return what makes a client of the application in this process."""

    def harbour(token: str = "", cookie: str = "", csrf: str = "") -> Harbour:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        if cookie:
            headers |= {"Cookie": f"sessionid={cookie}; csrftoken={csrf}", "X-CSRFToken": csrf}
        transport = httpx.WSGITransport(app=application)
        return Harbour("", http=httpx.Client(base_url="http://testserver", headers=headers, transport=transport))

    return harbour


@pytest.fixture
def owner(world: World, connect: Connect) -> Iterator[Harbour]:
    """The app's owner, with a token."""
    with connect(create_token(world.people["owner"], [Scope.READ, Scope.WRITE])[1]) as client:
        yield client


def test_the_client_covers_every_operation_of_the_schema() -> None:
    operations = {
        operation["operationId"]: operation
        for methods in described()["paths"].values()
        for operation in methods.values()
    }
    assert set(OPERATIONS) == set(operations)
    methods = {name for name, value in vars(Harbour).items() if inspect.isfunction(value) and not name.startswith("_")}
    assert {operation.__name__ for operation in OPERATIONS.values()} == methods
    for name, operation in operations.items():
        filters = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"}
        told = (OPERATIONS[name].__doc__ or "") + " ".join(inspect.signature(OPERATIONS[name]).parameters)
        missing = {one for one in filters - {"page", "cursor"} if one not in told}
        assert not missing, f"{name} does not tell {missing}"


@pytest.mark.parametrize(
    ("component", "form"),
    [
        *[("App", answers.App), ("Server", answers.Server), ("Environment", answers.Environment)],
        *[("Release", answers.Release), ("ReleaseSummary", answers.ReleaseSummary), ("Step", answers.Step)],
        ("Notice", answers.Notice),
        *[("Deployment", answers.Deployment), ("StoredEvent", answers.Event), ("Me", answers.Me)],
        *[("MembershipOfMe", answers.MyMembership), ("Membership", answers.Membership), ("Person", answers.Person)],
        *[("NewInvitation", answers.Invitation), ("NewToken", answers.Token), ("Receipt", answers.Receipt)],
    ],
)
def test_the_forms_have_the_fields_of_the_schema(component: str, form: Any) -> None:
    assert set(get_type_hints(form)) == set(described()["components"]["schemas"][component]["properties"])


def test_the_fleet_is_read(world: World, owner: Harbour) -> None:
    assert [app["name"] for app in owner.apps()] == ["shop"]
    assert owner.app("shop")["environments"][0]["server"] == "vps-1"
    assert [server["name"] for server in owner.servers(search="vps")] == ["vps-1"]
    assert owner.server("vps-1")["gaps"] == []
    (environment,) = owner.environments(app="shop")
    assert owner.environment(environment["id"]) == environment
    (release,) = owner.releases(revision=f"{3:040x}")
    assert owner.release(release["id"])["number"] == 3
    (deployment,) = owner.deployments(outcome="succeeded", expand=["steps"], fields=["id"])
    assert set(deployment) == {"id", "steps"}
    assert owner.deployment(deployment["id"])["app"] == "shop"
    assert len(list(owner.events(page_size=2, kind=None))) == 5
    event = next(owner.events(ordering="id"))
    assert owner.event(event["id"])["kind"] == "deployment.started"
    assert owner.me()["memberships"] == [{"app": "shop", "role": "owner"}]
    assert owner.schema()["openapi"] == "3.1.0"


def test_what_people_add_is_written(world: World, owner: Harbour) -> None:
    assert owner.change_app("shop", description="Sells")["description"] == "Sells"
    assert owner.write_note(str(world.deployment.pk), "Brought the checkout.")["note"] == "Brought the checkout."
    viewer = next(one for one in owner.memberships(app="shop") if one["role"] == "viewer")
    assert owner.membership(viewer["id"])["email"] == "viewer@example.com"
    assert owner.change_role(viewer["id"], "member")["role"] == "member"
    owner.end_membership(viewer["id"])
    invitation = owner.invite("shop", "new@example.com", "viewer")
    assert invitation["link"]
    assert owner.invitation(invitation["id"])["email"] == "new@example.com"
    owner.withdraw_invitation(invitation["id"])
    assert [one["email"] for one in owner.invitations()] == ["anna@example.com"]


def test_a_server_reports_and_staff_add_servers(world: World, connect: Connect) -> None:
    with connect(world.agent.token) as agent:
        event = {"sequence": 99, "at": "2026-11-23T10:00:00Z", "kind": "agent.started", "data": {}}
        assert agent.report([event], agent="0.2.0")["accepted"] == 1
        assert agent.report([event])["duplicates"] == 1
    with connect(create_token(world.people["staff"], [Scope.WRITE])[1]) as staff:
        assert staff.add_server("vps-9")["environments"] == []


def test_tokens_are_managed_with_a_session(world: World, connect: Connect) -> None:
    browser = world.client("owner")
    csrf = "a" * 32
    with connect(cookie=browser.cookies["sessionid"].value, csrf=csrf) as session:
        made = session.make_token(["read"], name="notes")
        assert session.token(made["id"])["name"] == "notes"
        with connect(made["token"]) as program:
            assert program.me()["scopes"] == ["read"]
        session.revoke_token(made["id"])
        assert next(session.tokens())["revoked_at"]


def test_problems_are_errors_that_name_what_is_wrong(world: World, owner: Harbour, connect: Connect) -> None:
    with pytest.raises(NotValid) as refused:
        next(owner.deployments(outcom="failed"))
    assert refused.value.errors == [{"parameter": "outcom", "detail": "There is no such parameter"}]
    assert refused.value.request_id
    with pytest.raises(NotFound):
        owner.app("other/../shop")
    with pytest.raises(Forbidden):
        owner.add_server("vps-9")
    with pytest.raises(Conflict):
        owner.invite("shop", "viewer@example.com", "viewer")
    with connect("harbour_wrong") as stranger, pytest.raises(Unauthorized):
        stranger.me()


def test_an_answer_is_used_again_while_it_holds(world: World, owner: Harbour) -> None:
    seen = []
    owner.http.event_hooks["response"] = [lambda response: seen.append(response.status_code)]
    first = owner.app("shop")
    assert owner.app("shop") == first
    owner.change_app("shop", description="Sells")
    assert owner.app("shop")["description"] == "Sells"
    assert seen == [200, 304, 200, 200]


def fake(answer: Callable[[httpx.Request], httpx.Response], patience: float = 10) -> tuple[Transport, list[float]]:
    """Return a transport to a made-up Harbour, and the waits it makes."""
    waits: list[float] = []
    http = httpx.Client(base_url="http://testserver", transport=httpx.MockTransport(answer))
    return Transport(http, patience, waits.append), waits


@pytest.mark.parametrize("status", [429, 503])
def test_the_client_waits_as_long_as_it_is_told_and_no_longer_than_its_patience(status: int) -> None:
    refusals = iter(range(2))

    def answer(request: httpx.Request) -> httpx.Response:
        if next(refusals, None) is not None:
            return httpx.Response(status, headers={"Retry-After": "4"}, json={"detail": "later"})
        return httpx.Response(200, json={"name": "shop"})

    transport, waits = fake(answer)
    assert transport.ask("GET", "/") == {"name": "shop"}
    assert waits == [4, 4]
    transport, waits = fake(lambda _: httpx.Response(status, headers={"Retry-After": "4"}, json={"detail": "later"}))
    with pytest.raises(TryLater, match="later"):
        transport.ask("GET", "/")
    assert waits == [4, 4]
    transport, waits = fake(lambda _: httpx.Response(status, text="no time named"))
    with pytest.raises(TryLater):
        transport.ask("GET", "/")
    assert waits == []


def test_no_answer_is_an_error_of_the_client() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused")

    with pytest.raises(NoAnswer, match="refused"):
        fake(answer)[0].ask("GET", "/")


def test_what_is_remembered_is_bounded() -> None:
    transport, _ = fake(lambda _: httpx.Response(200, headers={"ETag": '"1"'}, json={}))
    for number in range(REMEMBERED_ANSWERS + 5):
        transport.ask("GET", f"/{number}")
    assert len(transport.remembered) == REMEMBERED_ANSWERS
