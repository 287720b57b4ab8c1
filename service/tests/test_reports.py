"""Reports: who may send them, what is refused, and that sending one twice changes nothing."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access.models import Token
from access.tokens import create_server_token
from fleet.models import Deployment, DeploymentEvent, Environment, Release, Server
from tests.conftest import Agent

pytestmark = pytest.mark.django_db


def test_a_deployment_is_folded_from_its_events(agent: Agent) -> None:
    number = agent.deploy(release=3)
    answer = agent.send()
    assert answer.status_code == 200
    assert answer.json() == {"accepted": 5, "duplicates": 0, "last_sequence": 5, "gaps": []}
    deployment = Deployment.objects.select_related("release").get()
    assert deployment.id == number
    assert (deployment.outcome, deployment.seconds) == ("succeeded", 0.8)
    assert [(step["step"], step["state"], step["seconds"]) for step in deployment.steps] == [
        ("pull", "done", 0.5),
        ("commit", "done", 0.01),
    ]
    assert deployment.release is not None
    assert deployment.release.revision == f"{3:040x}"
    environment = Environment.objects.get()
    assert environment.release == deployment.release
    assert environment.serving_since == deployment.finished_at


def test_a_deployment_told_in_many_reports_ends_the_same(agent: Agent) -> None:
    agent.deploy(release=3)
    for event in agent.events:
        assert agent.send([event]).json()["accepted"] == 1
    deployment = Deployment.objects.get()
    assert deployment.outcome == "succeeded"
    assert len(deployment.steps) == 2
    assert Environment.objects.get().release == deployment.release


def test_events_that_arrive_late_do_not_undo_later_ones(agent: Agent) -> None:
    agent.deploy(release=3)
    for event in reversed(agent.events):
        assert agent.send([event]).status_code == 200
    deployment = Deployment.objects.get()
    assert deployment.outcome == "succeeded"
    assert {step["step"]: step["state"] for step in deployment.steps} == {"pull": "done", "commit": "done"}
    assert Environment.objects.get().release == deployment.release


def test_a_failed_deployment_leaves_what_serves(agent: Agent) -> None:
    agent.deploy(release=3)
    agent.deploy(release=4, outcome="failed", second=5)
    agent.send()
    environment = Environment.objects.select_related("release").get()
    assert environment.release is not None
    assert environment.release.number == 3


def test_a_repeated_report_changes_nothing(agent: Agent) -> None:
    agent.deploy(release=3)
    agent.send()
    before = list(Deployment.objects.values())
    assert agent.send().json() == {"accepted": 0, "duplicates": 5, "last_sequence": 5, "gaps": []}
    assert list(Deployment.objects.values()) == before
    assert DeploymentEvent.objects.count() == 5


def test_overlapping_reports_store_each_event_once(agent: Agent) -> None:
    agent.deploy(release=3)
    agent.send(agent.events[:4])
    assert agent.send(agent.events[2:]).json() == {"accepted": 1, "duplicates": 2, "last_sequence": 5, "gaps": []}
    assert DeploymentEvent.objects.count() == 5


def test_gaps_are_accepted_shown_and_closed_by_late_events(agent: Agent) -> None:
    agent.deploy(release=3)
    first, *late, last = agent.events
    assert agent.send([first, last | {"sequence": 900}]).json()["gaps"] == [[2, 899]]
    assert agent.send(late).json() == {"accepted": 3, "duplicates": 0, "last_sequence": 900, "gaps": [[5, 899]]}
    assert agent.send([first | {"sequence": 901}]).json()["gaps"] == [[5, 899]]
    agent.server.refresh_from_db()
    assert (agent.server.last_sequence, agent.server.gaps) == (901, [[5, 899]])


def test_a_refused_report_leaves_no_trace_in_its_server(agent: Agent, other_agent: Agent) -> None:
    number = agent.deploy(release=3)
    agent.send()
    other_agent.tell("deployment.finished", number, {"outcome": "failed"})
    other_agent.events[0]["sequence"] = 7
    assert other_agent.send().status_code == 409
    other_agent.server.refresh_from_db()
    told = (other_agent.server.last_sequence, other_agent.server.gaps, other_agent.server.last_reported_at)
    assert told == (0, [], None)


def test_a_note_written_meanwhile_survives_a_report(agent: Agent) -> None:
    agent.deploy(release=3)
    agent.send(agent.events[:2])
    Deployment.objects.update(note="looked at")
    agent.send(agent.events[2:])
    assert Deployment.objects.get().note == "looked at"


def test_numbers_of_any_size_are_kept_as_they_were(agent: Agent) -> None:
    data = {"large": 2**80, "small": -(2**63) - 1, "half": 0.5, "text": "ä\u2028\U0001f600\ud83d"[:-1]}
    agent.send([GOOD | {"sequence": 1, "kind": "host.figures", "data": data}])
    assert DeploymentEvent.objects.get().data == data


@pytest.mark.usefixtures("public_read")
def test_numbers_of_any_size_are_given_back(agent: Agent) -> None:
    error = {"large": 2**80, "small": -(2**63) - 1, "float": 1e300, "text": "ä"}
    data = {"outcome": "failed", "error": error}
    assert agent.send([GOOD | {"sequence": 1, "kind": "deployment.finished", "data": data}]).status_code == 200
    error["float"] = 10**300  # PostgreSQL writes it without an exponent
    assert Client().get("/api/v1/events/").json()["results"][0]["data"] == data
    assert Client().get(f"/api/v1/deployments/{GOOD['deployment']}/").json()["error"] == error


def test_times_of_any_zone_are_kept_in_utc(agent: Agent) -> None:
    agent.send([GOOD | {"sequence": 1, "at": "2026-11-23T10:00:00.25+02:00"}])
    assert DeploymentEvent.objects.get().at.isoformat() == "2026-11-23T08:00:00.250000+00:00"
    assert Deployment.objects.get().steps[0]["started_at"] == "2026-11-23T07:59:59.250000Z"


def test_an_unknown_kind_is_stored_without_a_place(agent: Agent) -> None:
    event = {"sequence": 1, "at": "2026-11-23T08:00:00Z", "kind": "host.figures", "data": {"load": 0.1}}
    assert agent.send([event]).json()["accepted"] == 1
    assert DeploymentEvent.objects.get().data == {"load": 0.1}


def test_two_servers_count_on_their_own(agent: Agent, other_agent: Agent) -> None:
    agent.deploy(release=3)
    other_agent.deploy(release=9)
    agent.send()
    assert other_agent.send().json()["accepted"] == 5
    assert Release.objects.count() == Environment.objects.count() == 2


def test_a_deployment_of_another_server_is_refused_whole(agent: Agent, other_agent: Agent) -> None:
    number = agent.deploy(release=3)
    agent.send()
    other_agent.deploy(release=4)
    other_agent.tell("deployment.finished", number, {"outcome": "failed"})
    assert other_agent.send().status_code == 409
    assert Deployment.objects.get().outcome == "succeeded"
    assert DeploymentEvent.objects.count() == 5
    stranger = {"sequence": 1, "at": "2026-11-23T08:00:00Z", "kind": "x", "deployment": str(number)}
    assert other_agent.send([stranger]).status_code == 409


def test_the_number_of_queries_does_not_depend_on_the_size(agent: Agent) -> None:
    def queries(deployments: int) -> int:
        agent.events.clear()
        for release in range(deployments):
            agent.deploy(release=release + 1, second=release % 50)
        with CaptureQueriesContext(connection) as captured:
            assert agent.send().json()["accepted"] == deployments * 5
        return len(captured)

    small = queries(1)
    assert small <= 20
    # The second finds its app and its environment.
    assert queries(200) <= small


@pytest.mark.parametrize(
    ("authorization", "detail"),
    [
        ("", "Authentication credentials were not provided."),
        ("Bearer wrong", "The token is unknown, expired or revoked"),
        ("Bearer ", "The token is unknown, expired or revoked"),
        ("Basic dXNlcjpwYXNz", "Authentication credentials were not provided."),
    ],
)
def test_a_stranger_is_answered_401(agent: Agent, authorization: str, detail: str) -> None:
    answer = agent.post({"events": []}, Authorization=authorization)
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="harbour"'
    assert answer.json()["detail"] == detail


def test_a_revoked_token_is_refused(agent: Agent) -> None:
    agent.deploy(release=3)
    Token.objects.update(revoked_at="2026-11-23T08:00:00Z")
    assert agent.send().status_code == 401
    assert DeploymentEvent.objects.count() == 0


def test_an_expired_token_is_refused(agent: Agent) -> None:
    agent.deploy(release=3)
    Token.objects.update(expires_at="2026-01-01T00:00:00Z")
    assert agent.send().status_code == 401
    assert DeploymentEvent.objects.count() == 0


def test_another_servers_token_tells_about_that_server_alone(agent: Agent, other_agent: Agent) -> None:
    number = agent.deploy(release=3)
    agent.send(agent.events[:2])
    stolen = Agent(agent.client, agent.server, other_agent.token, events=agent.events)
    assert stolen.send().status_code == 409
    assert not Server.objects.get(name="vps-2").events.exists()
    assert Deployment.objects.get(id=number).outcome == ""


def test_only_the_digest_of_a_token_is_stored(agent: Agent) -> None:
    stored = json.dumps(list(Token.objects.values()), default=str)
    assert agent.token not in stored
    assert agent.token.removeprefix("harbour_") not in stored


GOOD: dict[str, Any] = {
    "sequence": 7,
    "at": "2026-11-23T08:00:00.123Z",
    "kind": "deployment.step",
    "app": "harbour",
    "environment": "production",
    "deployment": "8b6f6ed8-6ac3-4c38-8bdc-b2a0bd8ec2fd",
    "data": {"step": "pull", "state": "done", "seconds": 1},
}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"sequence": 0}, "#/events/0/sequence"),
        ({"sequence": "7"}, "#/events/0/sequence"),
        ({"sequence": 2**63}, "#/events/0/sequence"),
        ({"at": "yesterday"}, "#/events/0/at"),
        ({"at": "2026-11-23T08:00:00"}, "#/events/0/at"),
        ({"at": "0001-01-01T00:00:00+14:00"}, "#/events/0/at"),
        ({"kind": "no spaces"}, "#/events/0/kind"),
        ({"kind": "x" * 65}, "#/events/0/kind"),
        ({"app": "Harbour"}, "#/events/0/app"),
        ({"app": "harbour\n"}, "#/events/0/app"),
        ({"app": None}, "#/events/0"),
        ({"deployment": "7"}, "#/events/0/deployment"),
        ({"deployment": None}, "#/events/0"),
        ({"data": {"step": "a\x00b", "state": "done"}}, "#/events/0/data"),
        ({"data": {"a\x00b": 1}}, "#/events/0/data"),
        ({"data": {"step": "pull"}}, "#/events/0/data"),
        ({"data": {"step": "pull", "state": "odd"}}, "#/events/0/data/state"),
        ({"data": {"step": "pull", "state": "done", "seconds": -1}}, "#/events/0/data/seconds"),
        ({"data": {"step": "pull", "state": "done", "more": nested(40)}}, "#/events/0/data"),
        ({"data": []}, "#/events/0/data"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_stored(agent: Agent, change: dict[str, Any], pointer: str) -> None:
    answer = agent.send([GOOD | {"sequence": 1}, GOOD | change][::-1] if "sequence" not in change else [GOOD | change])
    assert answer.status_code == 422, answer.content
    body = answer.json()
    assert body["errors"][0]["pointer"] == pointer
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert DeploymentEvent.objects.count() == 0


def test_each_event_is_told_what_is_wrong_with_it_and_at_most_20_are_shown(agent: Agent) -> None:
    wrong = [GOOD | {"sequence": 1}, GOOD | {"sequence": 0}, GOOD | {"app": None}, GOOD | {"data": {"step": 1}}]
    told = agent.send(wrong).json()
    assert told["detail"] == "The report has 3 problems; nothing was stored"
    assert [error["pointer"] for error in told["errors"]] == [
        *["#/events/1/sequence", "#/events/2", "#/events/3/data/step"],
    ]
    assert [error["detail"] for error in told["errors"]] == [
        *["Expected `int` >= 1", "deployment.step needs app, environment and deployment", "Expected `str`, got `int`"],
    ]
    told = agent.send([GOOD | {"kind": "no spaces"}] * 30).json()
    assert "30 problems" in told["detail"]
    assert len(told["errors"]) == 20


def test_an_answer_does_not_repeat_all_that_was_wrong(agent: Agent) -> None:
    wrong = [GOOD | {"sequence": number, "data": {"step": "pull", "state": "x" * 10_000}} for number in range(1, 4)]
    answer = agent.send(wrong)
    assert answer.status_code == 422
    assert len(answer.content) < 2000


@pytest.mark.parametrize(
    "body",
    [
        *[b"", b"{", b"null", b"[]", b'"text"', b'{"events": []}', b"\xff\xfe", b'{"events": "x"}', b'{"agent": "1"}'],
        *[
            b"[" * 100_000,
            b'{"events":[{"sequence":' + b"9" * 5000 + b"}]}",
            b'{"a":"\\ud800"}',
            b'{"agent":"\\u0000"}',
        ],
    ],
)
def test_a_body_that_is_no_report_is_refused(agent: Agent, body: bytes) -> None:
    answer = agent.post(body)
    assert answer.status_code in {400, 422}
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(agent: Agent, number: str) -> None:
    text = json.dumps({"events": [GOOD]}).replace('"seconds": 1', f'"seconds": 1, "more": {number}')
    assert agent.post(text).status_code in {400, 422}
    assert DeploymentEvent.objects.count() == 0


def test_1001_events_are_refused_and_1000_are_not(agent: Agent) -> None:
    events = [GOOD | {"sequence": number + 1} for number in range(1001)]
    assert agent.send(events).status_code == 422
    assert agent.send(events[:1000]).json()["accepted"] == 1000


@pytest.mark.parametrize("sequences", [(2, 1), (1, 1)])
def test_sequence_numbers_must_ascend(agent: Agent, sequences: tuple[int, int]) -> None:
    assert agent.send([GOOD | {"sequence": number} for number in sequences]).status_code == 422


def test_a_body_that_is_too_large_is_refused(agent: Agent) -> None:
    answer = agent.post(b'{"agent": "' + b"x" * 9_000_000 + b'"}')
    assert answer.status_code == 413


def test_another_media_type_is_refused(agent: Agent) -> None:
    headers = {"Authorization": f"Bearer {agent.token}"}
    answer = agent.client.post("/api/v1/reports/", "a=1", content_type="text/csv", headers=headers)
    assert answer.status_code == 415
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.django_db(transaction=True)
def test_overlapping_reports_at_the_same_time_store_each_event_once() -> None:
    server = Server.objects.create(name="vps-1")
    agent = Agent(Client(), server, create_server_token(server))
    for release in range(20):
        agent.deploy(release=release + 1, second=release)
    together = Barrier(4)

    def send(first: int) -> Any:
        together.wait()
        try:
            return Agent(Client(), server, agent.token).send(agent.events[first : first + 60])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, (0, 10, 25, 40)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert sum(answer.json()["accepted"] for answer in answers) == DeploymentEvent.objects.count() == 100
    assert Deployment.objects.filter(outcome="succeeded").count() == 20
