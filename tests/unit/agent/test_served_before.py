"""The release that served before: where a rollback goes, and what retention never takes away."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferryman_agent.ledger import App, Kind, Ledger, Outcome, Release, ReleaseState
from ferryman_agent.testing import digest, manifest
from ferryman_agent.transaction.orders.deploying import rollback_target
from ferryman_agent.transaction.steps.teardown.retention import beyond


def app(serving: int) -> App:
    return App("shop.production", "shop", "production", 1, 7, serving, "a", "", None, None)


def release(number: int) -> Release:
    fields = ("shop.production", number, "acme/shop", digest(str(number)), f"{number:040x}")
    return Release(*fields, manifest(), 0, None, ReleaseState.HEALTHY, "2026-11-23T08:00:00.000Z")


def releases(newest: int) -> list[Release]:
    return [release(number) for number in range(newest, 0, -1)]


@pytest.mark.parametrize(
    ("serving", "before", "expected"),
    [
        (3, 1, 1),  # 2 was rolled back from, then 3 was deployed
        (3, 2, 2),
        (3, None, 2),
        (3, 9, 2),  # not retained any more
        (2, 3, 1),  # after a rollback from 3
    ],
)
def test_rollback_goes_to_what_served_before(serving: int, before: int | None, expected: int) -> None:
    assert rollback_target(app(serving), releases(3), None, before).number == expected


def test_retention_holds_what_served_before() -> None:
    going = beyond(app(7), releases(7), 2, before=1)
    assert [release.number for release in going] == [5, 4, 3, 2]


def test_ledger_knows_what_served_before(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.db", lambda: "2026-11-23T08:00:00.000Z")
    shop = ledger.add_app("shop", "production", range(1, 3))

    def serve(number: int | None) -> int:
        current = ledger.app(shop.id) or shop
        deployment = ledger.begin(current, f"request {ledger.deployments(shop.id)}", Kind.DEPLOY, None)
        chosen = number or ledger.add_release(deployment.id, release(0)).number
        if number:
            ledger.target(deployment.id, number)
        ledger.commit(deployment, chosen, "a")
        ledger.finish(deployment, Outcome.SUCCEEDED, 1.0, None)
        return chosen

    found = []
    for number in (None, None, 1, None):
        serve(number)
        found.append(ledger.served_before(shop.id))
    assert found == [None, 1, 2, 1]
