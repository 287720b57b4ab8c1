"""Databases of earlier versions: their migrations keep their names, and what is in them stays."""

import uuid

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from fleet.models import Deployment, Notice
from ground.web.health import known_migrations

# What databases that are in use have applied.
APPLIED = {
    ("access", "0001_initial"),
    ("access", "0002_initial"),
    ("fleet", "0001_initial"),
    ("fleet", "0002_deployment_commits_complete"),
    ("fleet", "0003_event_indexes"),
    ("fleet", "0004_release_indexes"),
}
TABLES = {
    *{"access_invitation", "access_membership", "access_requestcount", "access_token", "access_user", "fleet_app"},
    *{"fleet_deployment", "fleet_deploymentevent", "fleet_environment", "fleet_release", "fleet_server"},
}


def test_migrations_that_databases_have_applied_are_still_there() -> None:
    assert set(known_migrations()) >= APPLIED


@pytest.mark.django_db
def test_tables_keep_their_names() -> None:
    assert set(connection.introspection.table_names()) >= TABLES


@pytest.mark.django_db(transaction=True)
def test_a_deployment_from_before_downtimes_were_kept_has_none_and_is_whole() -> None:
    executor = MigrationExecutor(connection)
    executor.migrate([("fleet", "0004_release_indexes")])
    before = executor.loader.project_state([("fleet", "0004_release_indexes")]).apps
    app = before.get_model("fleet", "App").objects.create(name="shop")
    server = before.get_model("fleet", "Server").objects.create(name="vps-1")
    place = before.get_model("fleet", "Environment").objects.create(app=app, server=server, name="production")
    number = uuid.uuid4()
    told = {"outcome": "succeeded", "started_at": "2026-11-23T08:00:00Z", "steps": [{"step": "pull"}]}
    before.get_model("fleet", "Deployment").objects.create(id=number, environment=place, **told)
    executor = MigrationExecutor(connection)
    executor.migrate(executor.loader.graph.leaf_nodes("fleet"))
    found = Deployment.objects.get()
    assert (found.pk, found.outcome, found.steps, found.downtime) == (number, "succeeded", [{"step": "pull"}], None)
    assert not Notice.objects.exists()
