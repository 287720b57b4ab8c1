"""The large fleet: as many as told, with every index and key that the tables had before, refused where there is one."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from access.tokens import create_server_token
from fleet.models import Deployment, DeploymentEvent, Environment, Outcome, Server
from tests.conftest import Agent

DEFINED = """
SELECT indexdef FROM pg_indexes WHERE tablename LIKE 'fleet_%'
UNION SELECT conname || pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid::regclass::text LIKE 'fleet_%'
"""


def make(**sizes: Any) -> None:
    call_command("generate_load_data", **sizes, stdout=io.StringIO(), stderr=io.StringIO())


def defined() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(DEFINED)
        return {text for (text,) in cursor.fetchall()}


@pytest.mark.django_db(transaction=True)
def test_it_makes_what_it_is_told_and_leaves_the_tables_as_they_were() -> None:
    before = defined()
    make(deployments=300, events=12_000, apps=10, servers=4)
    assert defined() == before
    assert (Deployment.objects.count(), DeploymentEvent.objects.count()) == (300, 12_000)
    assert set(Deployment.objects.values_list("outcome", flat=True)) >= {"", Outcome.SUCCEEDED, Outcome.FAILED}
    assert Environment.objects.filter(release__isnull=False).exists()
    server = Server.objects.order_by("-last_sequence")[0]
    assert list(server.events.order_by("sequence").values_list("sequence", flat=True)) == [
        *range(1, server.last_sequence + 1)
    ]


@pytest.mark.django_db(transaction=True)
def test_a_generated_server_reports_on(client: Any) -> None:
    make(deployments=20, events=600, apps=2, servers=1)
    server = Server.objects.get()
    agent = Agent(client, server, create_server_token(server), sequence=server.last_sequence)
    agent.deploy(release=1_000_000)
    assert agent.send().json() == {"accepted": 5, "duplicates": 0, "last_sequence": 605, "gaps": []}


@pytest.mark.django_db
def test_it_refuses_a_database_that_holds_a_fleet() -> None:
    Server.objects.create(name="vps-1")
    with pytest.raises(CommandError, match="holds a fleet already"):
        make(deployments=1, events=1)


@pytest.mark.parametrize("sizes", [{"servers": 0}, {"deployments": 5, "events": 4}])
def test_counts_that_make_no_fleet_are_refused(sizes: dict[str, int]) -> None:
    with pytest.raises(CommandError, match="at least"):
        make(**sizes)
