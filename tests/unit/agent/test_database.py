"""The database step: what a migrate command announced must have arrived in the app's own PostgreSQL."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from ferryman_agent.engine import EngineError
from ferryman_agent.host import Host
from ferryman_agent.host.database import is_unused
from ferryman_agent.ledger import Deployment
from ferryman_agent.secrets_file import read_secrets
from ferryman_agent.testing import Behaviour, FakeMachine, broken_promises, carry_out, manifest

APP = "shop.production"
WHOLE = ["python", "manage.py", "migrate", "--noinput"]


def shown(server: Host, deployment: Deployment) -> str:
    """What the step says at its end."""
    return [str(event["detail"]) for event in server.ledger.events(deployment.id) if event.get("step") == "database"][
        -1
    ]


@pytest.mark.parametrize(
    ("command", "announced", "recorded", "expected"),
    [
        (WHOLE, ["shop.1"], set(), True),
        (["migrate", "shop"], ["shop.1"], set(), True),
        (WHOLE, ["shop.2"], {"shop.1"}, True),
        (WHOLE, ["cart.1", "shop.2"], {"shop.1"}, True),
        (WHOLE, ["shop.2", "shop.3"], {"shop.1", "shop.3"}, False),
        (WHOLE, ["debug.1"], {"shop.1"}, False),  # an app of the build's settings alone, maybe
        (["migrate", "shop"], ["auth.2"], {"auth.1", "shop.1"}, False),  # it had one app to migrate
        (["./up.sh"], ["auth.2"], {"auth.1"}, False),
    ],
)
def test_a_database_is_unused_only_where_that_is_certain(
    command: list[str], announced: list[str], recorded: set[str], expected: bool
) -> None:
    assert is_unused(command, announced, recorded) is expected


def environment_of(machine: FakeMachine, role: str) -> dict[str, str]:
    container = machine.docker.by_name[f"ferryman.{APP}.{role}.1"]
    return dict(line.split("=", 1) for line in container.workload.environment)


def test_the_database_and_the_secret_key_come_under_the_names_that_the_settings_read(machine: FakeMachine) -> None:
    server = machine.agent()
    content = manifest(env={"required": [], "values": {}, "secret_key": "DJANGO_SECRET_KEY"})
    parts = ("url", "host", "port", "name", "user", "password")
    content["database"]["variables"] = {f"DB_{part.upper()}": part for part in parts}
    assert carry_out(server, machine.order("one", content), "one").state == "succeeded"
    given, secrets = environment_of(machine, "web"), read_secrets(machine.folder / "apps" / APP)
    assert (given["DJANGO_SECRET_KEY"], given["SECRET_KEY"]) == (secrets["secret_key"], secrets["secret_key"])
    assert given["DB_URL"] == given["DATABASE_URL"]
    assert (given["DB_HOST"], given["DB_PORT"]) == ("10.213.1.2", "5432")
    assert (given["DB_NAME"], given["DB_USER"]) == ("shop_production", "shop_production")
    assert given["DB_PASSWORD"] == secrets["database"]
    assert broken_promises(machine, server) == []


def test_a_part_that_the_operator_set_wins(machine: FakeMachine, server: Host) -> None:
    content = manifest()
    content["database"]["variables"] = {"DB_NAME": "name"}
    server.ledger.add_environment(APP, {"DB_NAME": "other"}, "set DB_NAME")
    machine.publish("one", Behaviour(migrations=["shop.0001"]))
    carry_out(server, machine.order("one", content), "again")
    container = machine.docker.by_name[f"ferryman.{APP}.web.2"]
    assert "DB_NAME=other" in container.workload.environment


def test_a_first_deploy_whose_migrations_went_elsewhere_fails_before_anything_starts(machine: FakeMachine) -> None:
    server = machine.agent()
    known = [f"shop.{number:04}" for number in range(1, 74)]
    machine.publish("sqlite", Behaviour(migrations=known, arrives=[], log="Applying shop.0073... OK\n"))
    failed = carry_out(server, machine.order("sqlite"), "sqlite")
    assert failed.error is not None
    assert (failed.state, failed.error["code"], failed.error["exit"]) == ("failed", "database-not-used", 1)
    assert failed.error["message"] == (
        "the migrate command ended with 0, but none of 73 announced migrations arrived in PostgreSQL: "
        "shop.0001, shop.0002, shop.0003 and 70 more"
    )
    assert failed.error["state"] == "nothing serves yet"
    assert "DATABASE_URL" in failed.error["hint"]
    assert "SQLite" in failed.error["hint"]
    assert failed.error["details"]["log"] == ["Applying shop.0073... OK"]
    assert not [call for call in machine.docker.calls if ".web." in call]
    assert broken_promises(machine, server) == []


def test_a_release_that_leaves_its_database_does_not_take_over(machine: FakeMachine, server: Host) -> None:
    machine.publish("sqlite", Behaviour(migrations=["shop.0001", "shop.0002"], arrives=[]))
    failed = carry_out(server, machine.order("sqlite"), "sqlite")
    assert failed.error is not None
    assert (failed.error["code"], failed.error["state"]) == ("database-not-used", "release 1 goes on serving")
    assert broken_promises(machine, server) == []
    assert carry_out(server, machine.order("two"), "two").state == "succeeded"


def test_a_database_url_of_the_users_own_is_named_as_the_cause(machine: FakeMachine, server: Host) -> None:
    machine.publish("elsewhere", Behaviour(migrations=["shop.0001", "shop.0002"], arrives=[]))
    values = {"DATABASE_URL": "postgres://db.example.com/shop"}
    content = manifest(env={"required": [], "values": values})
    failed = carry_out(server, machine.order("elsewhere", content), "values")
    assert "[app.env.values] sets DATABASE_URL" in str(failed.error)
    server.ledger.add_environment(APP, values, "set DATABASE_URL")
    failed = carry_out(server, machine.order("elsewhere"), "stored")
    assert "ferryman env unset DATABASE_URL" in str(failed.error)
    assert "db.example.com" not in str(failed.error)


def test_names_of_the_projects_own_are_what_to_look_at(machine: FakeMachine) -> None:
    server = machine.agent()
    machine.publish("elsewhere", Behaviour(migrations=["shop.0001"], arrives=[]))
    content = manifest()
    content["database"]["variables"] = {"DB_HOST": "host", "DB_NAME": "name"}
    failed = carry_out(server, machine.order("elsewhere", content), "elsewhere")
    assert "use DB_HOST, DB_NAME, which [database] variables names" in str(failed.error)


def test_postgresql_that_starts_again_during_the_migrations_is_waited_for(machine: FakeMachine, server: Host) -> None:
    run, seconds = machine.docker.run, itertools.count(1)

    def gone_for_a_while(*arguments: Any, **named: Any) -> tuple[int, bytes, bytes]:
        if f"start ferryman.{APP}.migrate.2" in machine.docker.calls and next(seconds) < 4:
            raise EngineError(409, "the container is not running")
        return run(*arguments, **named)

    machine.docker.run = gone_for_a_while  # type: ignore[method-assign]
    assert carry_out(server, machine.order("two"), "two").state == "succeeded"
    assert next(seconds) > 4
    assert broken_promises(machine, server) == []


def test_migrations_that_are_recorded_in_another_schema_have_arrived(machine: FakeMachine) -> None:
    server = machine.agent()
    machine.publish("schema", Behaviour(migrations=["shop.0001"], schema="shop"))
    carried = carry_out(server, machine.order("schema"), "schema")
    assert (carried.state, shown(server, carried)) == ("succeeded", "shop.0001")


def test_a_migration_of_an_app_that_may_not_be_installed_is_told_and_fails_nothing(
    machine: FakeMachine, server: Host
) -> None:
    machine.publish("debug", Behaviour(migrations=["shop.0001", "silk.0001"], arrives=["shop.0001"]))
    carried = carry_out(server, machine.order("debug"), "debug")
    assert carried.state == "succeeded"
    assert shown(server, carried) == ("silk.0001; 1 of 1 announced migrations did not arrive in PostgreSQL: silk.0001")


def test_of_an_image_that_does_not_say_what_it_knows_nothing_is_claimed(machine: FakeMachine) -> None:
    server = machine.agent()
    machine.publish("silent", Behaviour())
    carried = carry_out(server, machine.order("silent"), "silent")
    assert carried.state == "succeeded"
    assert shown(server, carried).endswith("; PostgreSQL has no migration: does the app use DATABASE_URL?")
