"""Reading: who may, what is answered, and that queries do not grow with rows."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.conftest import Agent

LISTS = ["apps", "servers", "environments", "releases", "deployments", "events"]
pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("name", LISTS)
def test_a_stranger_reads_nothing(client: Client, name: str) -> None:
    answer = client.get(f"/api/v1/{name}/")
    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert client.get("/api/schema/").status_code == 401


@pytest.mark.parametrize("name", LISTS)
def test_a_server_token_does_not_read(agent: Agent, name: str) -> None:
    headers = {"Authorization": f"Bearer {agent.token}"}
    assert agent.client.get(f"/api/v1/{name}/", headers=headers).status_code == 401


@pytest.mark.parametrize("name", LISTS)
def test_a_user_reads(client: Client, name: str) -> None:
    client.force_login(User.objects.create_user("ada"))
    assert client.get(f"/api/v1/{name}/").status_code == 200


@pytest.mark.usefixtures("public_read")
@pytest.mark.parametrize("name", LISTS)
def test_queries_do_not_grow_with_rows(agent: Agent, other_agent: Agent, name: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            assert agent.client.get(f"/api/v1/{name}/").status_code == 200
        return len(captured)

    agent.deploy(release=1)
    agent.send()
    few = queries()
    for number in range(5):
        agent.app = other_agent.app = f"app-{number}"
        agent.deploy(release=2 + number, second=number)
        other_agent.deploy(release=2 + number, second=number)
    agent.send()
    other_agent.send()
    assert queries() == few


@pytest.mark.usefixtures("public_read")
def test_a_deployment_is_read_as_it_was_reported(agent: Agent) -> None:
    number = agent.deploy(release=3)
    agent.send()
    body: dict[str, Any] = agent.client.get("/api/v1/deployments/").json()
    assert body["count"] == 1
    deployment = body["results"][0]
    assert deployment["id"] == str(number)
    assert (deployment["app"], deployment["environment"], deployment["server"]) == ("harbour", "production", "vps-1")
    assert deployment["release"]["number"] == 3
    assert deployment["outcome"] == "succeeded"
    assert deployment["steps"][0] == {
        "step": "pull",
        "state": "done",
        "started_at": "2026-11-23T08:00:00.100000Z",
        "seconds": 0.5,
        "detail": "",
    }
    assert agent.client.get(f"/api/v1/deployments/{number}/").json() == deployment
    app = agent.client.get("/api/v1/apps/harbour/").json()
    assert app["environments"][0]["release"]["number"] == 3
    assert agent.client.get("/api/v1/servers/vps-1/").json()["agent"] == "0.1.0"


@pytest.mark.usefixtures("public_read")
def test_a_running_deployment_has_no_outcome(agent: Agent) -> None:
    agent.deploy(release=3)
    agent.send(agent.events[:2])
    deployment = agent.client.get("/api/v1/deployments/").json()["results"][0]
    assert (deployment["outcome"], deployment["finished_at"], deployment["seconds"]) == (None, None, None)


@pytest.mark.usefixtures("public_read")
def test_events_are_read_page_by_page(agent: Agent) -> None:
    agent.deploy(release=3)
    agent.send()
    first = agent.client.get("/api/v1/events/?page_size=3").json()
    second = agent.client.get(first["next"]).json()
    assert [event["sequence"] for event in first["results"] + second["results"]] == [5, 4, 3, 2, 1]
    assert second["next"] is None


@pytest.mark.usefixtures("public_read")
@pytest.mark.parametrize(
    "path",
    [
        "nothing/",
        "deployments/8b6f6ed8-6ac3-4c38-8bdc-b2a0bd8ec2fd/",
        "deployments/7/",
        "apps/unknown/",
        "apps/%00/",
        "releases/99999999999999999999999/",
        "deployments/?page=99",
        "deployments/?page=%00",
        "events/?cursor=cD1hYmM=",
        "events/?cursor=cD05OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk=",
    ],
)
def test_what_is_not_there_is_answered_404_as_a_problem(client: Client, path: str) -> None:
    answer = client.get(f"/api/v1/{path}")
    if path.startswith("events/?cursor=cD05"):
        assert answer.json()["results"] == []
        return
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["status"] == 404


@pytest.mark.usefixtures("public_read")
def test_writing_to_what_is_read_is_answered_405(client: Client) -> None:
    answer = client.post("/api/v1/apps/", {})
    assert answer.status_code == 405
    assert answer.json()["title"] == "Method Not Allowed"


def test_a_request_id_is_passed_on_and_a_bad_one_replaced(client: Client) -> None:
    answer = client.get("/api/v1/apps/", headers={"X-Request-ID": "edge-7"})
    assert answer.headers["X-Request-ID"] == answer.json()["request_id"] == "edge-7"
    answer = client.get("/api/v1/apps/", headers={"X-Request-ID": "bad id"})
    assert answer.headers["X-Request-ID"] != "bad id"


def test_a_host_that_is_not_allowed_is_answered_400(client: Client) -> None:
    assert client.get("/api/v1/apps/", headers={"Host": "evil.example"}).status_code == 400


@pytest.mark.usefixtures("public_read")
def test_the_api_describes_itself_without_a_warning(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    answer = client.get("/api/schema/", headers={"Accept": "application/vnd.oai.openapi+json"})
    assert answer.status_code == 200
    assert "/api/v1/reports/" in answer.json()["paths"]
    assert capsys.readouterr().err == ""
    assert client.get("/api/docs/").status_code == 200
