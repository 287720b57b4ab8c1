"""The page: who sees it, what stands on it, and that it needs no inline style or script."""

import re

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from tests.conftest import Agent

pytestmark = pytest.mark.django_db


def test_a_stranger_is_asked_to_sign_in(client: Client) -> None:
    answer = client.get("/")
    assert answer.status_code == 302
    assert answer.headers["Location"] == "/sign-in/?next=/"
    assert client.get("/sign-in/").status_code == 200


def test_a_user_signs_in_and_out(client: Client) -> None:
    User.objects.create_user("ada", password="correct horse")
    answer = client.post("/sign-in/", {"username": "ada", "password": "correct horse"})
    assert answer.headers["Location"] == "/"
    assert b"No agent has reported yet" in client.get("/").content
    assert client.post("/sign-out/").headers["Location"] == "/sign-in/"
    assert client.get("/").status_code == 302


@pytest.mark.usefixtures("public_read")
def test_the_serving_release_and_each_steps_seconds_are_shown(agent: Agent) -> None:
    agent.deploy(release=3)
    agent.send()
    text = agent.client.get("/").content.decode()
    assert re.search(r"release <b>3</b>", text)
    assert "0.50 s" in text
    assert "succeeded" in text


@pytest.mark.usefixtures("public_read")
def test_a_failure_is_shown_with_what_the_log_said_and_cannot_inject(agent: Agent) -> None:
    number = agent.deploy(release=3, outcome="failed")
    error = {"code": "crashed", "message": "web <b>exited</b>", "exit_code": 1, "log": ["<script>alert(1)</script>"]}
    agent.events[-1]["data"] |= {"error": error | {"http_status": 500, "http_body": "oh"}, "stayed": ["app.0002_x"]}
    agent.send()
    text = agent.client.get("/").content.decode()
    assert f"deployment-{number}" in text
    assert "web &lt;b&gt;exited" in text
    assert "<script" not in text
    assert "app.0002_x" in text


@pytest.mark.usefixtures("public_read")
@pytest.mark.parametrize("error", [{}, {"log": "text"}, {"log": None, "message": 7}, {"log": {"a": 1}}])
def test_an_error_of_another_form_does_not_break_the_page(agent: Agent, error: dict[str, object]) -> None:
    agent.deploy(release=3, outcome="failed")
    agent.events[-1]["data"]["error"] = error
    assert agent.send().status_code == 200
    assert agent.client.get("/").status_code == 200
    assert agent.client.get("/api/v1/deployments/").status_code == 200


@pytest.mark.usefixtures("public_read")
def test_the_example_fleet_needs_no_inline_style_or_script_and_few_queries(client: Client) -> None:
    call_command("load_example_data", verbosity=0)
    with CaptureQueriesContext(connection) as captured:
        answer = client.get("/")
    assert len(captured) == 3
    text = answer.content.decode()
    assert not re.search(r"<style|<script|\sstyle=|\son\w+=", text)
    policy = answer.headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    for state in ("succeeded", "failed", "cancelled", "interrupted", "unchanged"):
        assert f">{state}<" in text


@pytest.mark.usefixtures("public_read")
def test_a_running_deployment_is_shown(agent: Agent) -> None:
    agent.deploy(release=3)
    agent.send(agent.events[:2])
    assert ">running<" in agent.client.get("/").content.decode()


@pytest.mark.usefixtures("public_read")
def test_older_deployments_are_on_the_next_page(agent: Agent) -> None:
    for release in range(25):
        agent.deploy(release=release + 1, second=release)
    agent.send()
    assert 'href="?page=2"' in agent.client.get("/").content.decode()
    assert "Page 2 of 2" in agent.client.get("/?page=2").content.decode()
    assert agent.client.get("/?page=x").status_code == 200


def test_a_page_that_is_not_there_is_answered_404(client: Client) -> None:
    answer = client.get("/nothing")
    assert answer.status_code == 404
    assert b"There is nothing at this address" in answer.content
