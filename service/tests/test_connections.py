"""Connections: settings that PostgreSQL has no room for are refused before anything changes."""

from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks

from ground.configuration import Configuration
from harbour import connections


def with_settings(**changes: Any) -> Configuration:
    return Configuration(secret_key="x", database_url="postgres://", **changes)


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({}, 2 * 4 * 2 + 10),
        ({"workers": 4, "threads": 8}, 4 * 8 * 2 + 10),
        ({"workers": 4, "pool_size": 3}, 4 * 3 * 2 + 10),
    ],
)
def test_two_releases_side_by_side_the_worker_and_a_reserve_are_counted(changes: dict[str, int], needed: int) -> None:
    assert connections.connections_needed(with_settings(**changes)) == needed


def test_what_does_not_fit_is_said_in_figures() -> None:
    assert connections.problem(with_settings(), 26) == ""
    found = connections.problem(with_settings(workers=8, threads=10), 97)
    assert found.startswith("8 workers with 10 connections each, in 2 releases side by side")
    assert found.endswith("need 170 connections; PostgreSQL lets in 97")


@pytest.mark.django_db
def test_it_is_a_check_of_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run_checks(databases=["default"], tags=["database"]) == []
    monkeypatch.setattr(settings, "CONFIGURATION", with_settings(workers=64, threads=100))
    (found,) = run_checks(databases=["default"], tags=["database"])
    assert found.id == "harbour.E001"
    assert "HARBOUR_POOL_SIZE" in str(found.hint)
    assert run_checks(tags=["database"]) == []
