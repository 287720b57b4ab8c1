"""Schemathesis over the whole schema, as everybody: no 5xx, and no answer that is not described.

A short, repeatable run by default; `HARBOUR_FUZZ_SECONDS=600` makes it go on with new data for that long.
"""

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from wsgiref.types import WSGIApplication

import pytest
import schemathesis
from django.conf import settings
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from msgspec.structs import replace
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from access.models import Scope
from access.tokens import create_token
from api.description.views import described
from harbour_client.client import OPERATIONS
from tests.conftest import Agent
from tests.world import World, make_world

SECONDS = float(os.environ.get("HARBOUR_FUZZ_SECONDS", "0"))
EXAMPLES = 60 if SECONDS else 4
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
CSRF = "a" * 32
WHO = ["staff", "member", "anonymous", "server"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(SECONDS + 300)]


@pytest.fixture
def world(agent: Agent, other_agent: Agent, monkeypatch: pytest.MonkeyPatch) -> World:
    """The fleet with its people, without limits, open to all who read."""
    changed = {"rate_anonymous": 0, "rate_user": 0, "rate_token": 0, "public_read": True}
    monkeypatch.setattr(settings, "ALLOWED_HOSTS", ["testserver", "localhost"])
    monkeypatch.setattr(settings, "CONFIGURATION", replace(settings.CONFIGURATION, **changed))
    return make_world(agent, other_agent)


@dataclass(frozen=True)
class Proof:
    """How somebody proves who it is."""

    headers: dict[str, str] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)


def proof(world: World, who: str) -> Proof:
    """Return what staff, a member's program, the server's agent and nobody send."""
    if who == "staff":
        session = world.client("staff").cookies["sessionid"].value
        return Proof({"X-CSRFToken": CSRF}, {"sessionid": session, "csrftoken": CSRF})
    if who == "member":
        text = create_token(world.people["member"], [Scope.READ, Scope.WRITE])[1]
        return Proof({"Authorization": f"Bearer {text}"})
    return Proof({"Authorization": f"Bearer {world.agent.token}"}) if who == "server" else Proof()


def known(ids: dict[str, Any], path: str) -> dict[str, Any]:
    """Return path parameters that name something, or named it until a request removed it."""
    thing = path.removeprefix("/api/v1/").split("/")[0].removesuffix("s")
    value = ids.get(thing)
    return {"name" if thing in {"app", "server"} else "id": str(value) if thing == "deployment" else value}


def ask(operation: Any, ids: dict[str, Any], sent: Proof, number: int) -> Counter[int]:
    """Ask with made-up data, half of it against the description; returns how often each status was answered."""
    statuses: Counter[int] = Counter()
    made_up = st.one_of(operation.as_strategy(), operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))

    @seed(number)
    @hypothesis_settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=made_up, is_known=st.booleans())
    def one(case: Any, is_known: bool) -> None:
        if is_known and case.path_parameters:
            case.path_parameters = known(ids, case.path)
        case.headers = {name: value for name, value in (case.headers or {}).items() if name.lower() not in PROOFS}
        response = case.call(headers=sent.headers, cookies=sent.cookies)
        statuses[response.status_code] += 1
        case.validate_response(response, checks=CHECKS)

    one()
    return statuses


PROOFS = {"authorization", "cookie", "x-csrftoken"}


def rounds() -> Iterator[int]:
    """Yield one number, or as many as there is time for."""
    until = time.monotonic() + SECONDS / len(WHO)
    number = 1
    yield number
    while time.monotonic() < until:
        number += 1
        yield number


@pytest.mark.parametrize("who", WHO)
def test_whatever_is_sent_gets_an_answer_that_is_described(
    world: World,
    application: WSGIApplication,
    who: str,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    # A line for each of a hundred thousand requests.
    caplog.set_level(logging.WARNING, "harbour.request")
    schema = schemathesis.openapi.from_dict(described())
    schema.app = application
    sent, ids = proof(world, who), world.ids()
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    statuses: Counter[int] = Counter()
    for number in rounds():
        for operation in operations:
            statuses += ask(operation, ids, sent, number)
    with capsys.disabled():
        print(f"\n{who}: {statuses.total()} requests, {dict(sorted(statuses.items()))}")  # noqa: T201
    assert statuses.total() >= len(operations) == len(OPERATIONS)
