"""Each filter of a list that grows is answered by an index, and no list asks more as rows come in."""

import io

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from access.models import Membership, Role, Scope, User
from access.tokens import create_token
from fleet.models import App, Deployment, Server

pytestmark = pytest.mark.django_db(transaction=True)
DEPLOYMENTS, EVENTS, RELEASES = "/api/v1/deployments/", "/api/v1/events/", "/api/v1/releases/"
FILTERS = [
    *[(DEPLOYMENTS, ""), (DEPLOYMENTS, "app=load-0002"), (DEPLOYMENTS, "environment=production")],
    *[(DEPLOYMENTS, "server=load-0001.example.com"), (DEPLOYMENTS, "outcome=failed"), (DEPLOYMENTS, "outcome=running")],
    *[(DEPLOYMENTS, "kind=rollback"), (DEPLOYMENTS, "started_after=2026-01-01T00:00:00Z")],
    *[(DEPLOYMENTS, "started_before=2099-01-01T00:00:00Z"), (DEPLOYMENTS, "app=load-0002&outcome=failed")],
    *[(RELEASES, ""), (RELEASES, "app=load-0002"), (EVENTS, ""), (EVENTS, "kind=deployment.finished")],
    *[(EVENTS, "app=load-0002"), (EVENTS, "server=load-0001.example.com"), (EVENTS, "deployment={deployment}")],
]


@pytest.fixture
def fleet() -> None:
    """A fleet large enough for PostgreSQL to prefer an index."""
    call_command(
        "generate_load_data", deployments=3000, events=60_000, apps=20, servers=5, stdout=io.StringIO(),
        stderr=io.StringIO(),
    )  # fmt: skip


def reader(*apps: str) -> dict[str, str]:
    """The headers of one of staff, or of a member of some apps."""
    person = User.objects.create_user("ada@example.com", is_staff=not apps)
    for name in apps:
        Membership.objects.create(user=person, app=App.objects.get(name=name), role=Role.VIEWER)
    return {"Authorization": f"Bearer {create_token(person, [Scope.READ])[1]}"}


def asked(path: str, headers: dict[str, str]) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        answer = Client().get(path, headers=headers)
    assert answer.status_code == 200, answer.content
    return [query["sql"] for query in captured.captured_queries]


def plan(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + sql)
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.usefixtures("fleet")
def test_no_list_reads_its_whole_table() -> None:
    headers = reader()
    deployment = Deployment.objects.exclude(outcome="").values_list("pk", flat=True)[0]
    for path, query in FILTERS:
        address = f"{path}?{query.format(deployment=deployment)}"
        table = {DEPLOYMENTS: "fleet_deployment", EVENTS: "fleet_deploymentevent", RELEASES: "fleet_release"}[path]
        plans = [plan(sql) for sql in asked(address, headers) if f'FROM "{table}"' in sql]
        assert plans, address
        assert not any(f"Seq Scan on {table}" in one for one in plans), f"{address}\n{plans}"


@pytest.mark.usefixtures("fleet")
def test_a_member_of_two_apps_walks_an_index() -> None:
    headers = reader("load-0002", "load-0007")
    plans = [plan(sql) for sql in asked(DEPLOYMENTS, headers) if 'FROM "fleet_deployment"' in sql]
    assert plans
    assert not any("Seq Scan on fleet_deployment " in one for one in plans), plans


@pytest.mark.parametrize(
    "path", [DEPLOYMENTS, EVENTS, RELEASES, "/api/v1/apps/", "/api/v1/servers/", "/api/v1/environments/"]
)
@pytest.mark.parametrize("apps", [(), ("load-0001", "load-0002")])
def test_the_number_of_queries_does_not_grow(path: str, apps: tuple[str, ...]) -> None:
    counts = []
    for deployments, servers in ((4, 1), (400, 5)):
        Server.objects.all().delete()
        App.objects.all().delete()
        User.objects.all().delete()
        call_command(
            "generate_load_data", deployments=deployments, events=deployments * 5, apps=servers * 2, servers=servers,
            stdout=io.StringIO(), stderr=io.StringIO(),
        )  # fmt: skip
        counts.append(len(asked(path, reader(*apps))))
    assert counts[0] == counts[1] > 0
