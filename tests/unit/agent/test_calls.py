"""Calls as they come through the socket: roles, garbage, repeats, and an answer in every case."""

from __future__ import annotations

import io
import json
import threading
import uuid
from pathlib import Path
from typing import Any

import pytest

from ferryman.link.diagnosis import UNKNOWN_REQUEST
from ferryman_agent import __version__
from ferryman_agent.daemon.agent import Agent
from ferryman_agent.duties import Duty, Then
from ferryman_agent.errors import BadRequest
from ferryman_agent.host.probe import Answer
from ferryman_agent.ledger import Kind
from ferryman_agent.protocol import LINE_LIMIT_BYTES, Channel
from ferryman_agent.requests import REQUESTS
from ferryman_agent.testing import Behaviour, FakeMachine, digest, manifest, refuse

OF_PIPELINE = {"hello", "deploy", "rollback", "follow", "cancel", "plan", "status", "releases", "deployments", "outbox"}
OF_PIPELINE |= {"prune"}
SHOP = {"app": "shop", "environment": "production"}
DEPLOY = {"manifest": manifest(), "digest": digest("one"), "revision": "0" * 40}


@pytest.fixture
def agent(machine: FakeMachine) -> Agent:
    made = Agent(machine.folder, machine.docker)
    made.host.edge = made.host.routing.edge = machine.edge
    made.host.probe, made.host.stopwatch = machine.docker.probe, machine.stopwatch
    return made


def speak(agent: Agent, *lines: bytes) -> list[dict[str, Any]]:
    written = io.BytesIO()
    agent.answer(Channel(io.BytesIO(b"".join(lines)), written))
    return [json.loads(line) for line in written.getvalue().splitlines()]


def ask(agent: Agent, request: str, params: Any = None, *, role: str = "operator", identifier: str = "") -> Any:
    """The last line of the answer: a result or an error."""
    return converse(agent, request, params, role=role, identifier=identifier)[-1]


def converse(
    agent: Agent, request: str, params: Any = None, *, role: str = "operator", identifier: str = ""
) -> list[dict[str, Any]]:
    message = {"protocol": 1, "client": "0", "id": identifier or str(uuid.uuid4()), "request": request}
    lines = [{"role": role}, {**message, "params": params or {}}]
    return speak(agent, *(json.dumps(line).encode() + b"\n" for line in lines))


def code(answer: dict[str, Any]) -> tuple[str, int]:
    return answer["error"]["code"], answer["error"]["exit"]


# -- roles


def test_the_table_of_roles_is_what_the_design_says() -> None:
    assert {kind for kind, request in REQUESTS.items() if "pipeline" in request.roles} == OF_PIPELINE
    assert all("operator" in request.roles for request in REQUESTS.values())


@pytest.mark.parametrize("request_kind", sorted(set(REQUESTS) - OF_PIPELINE))
@pytest.mark.parametrize("role", ["pipeline", "admin", None, ["operator"], 5])
def test_a_pipeline_or_a_stranger_may_not_ask_an_operators_request(agent: Agent, request_kind: str, role: Any) -> None:
    refused = ask(agent, request_kind, {**SHOP, "variables": {"A": "1"}}, role=role)
    assert code(refused) == ("not-allowed", 3)
    assert agent.host.ledger.apps() == []


@pytest.mark.parametrize("role", ["stranger", None])
def test_a_stranger_may_ask_nothing(agent: Agent, role: Any) -> None:
    assert code(ask(agent, "hello", role=role)) == ("not-allowed", 3)


def test_a_caller_is_told_how_the_duties_are(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", no_thread)
        agent.board.take_on(Duty("keeper", lambda: Then.WHEN_WOKEN))
    agent.board.take_on(Duty("listener", lambda: Then.WHEN_WOKEN))
    for request in ("hello", "status", "doctor"):
        found = ask(agent, request)["result"]
        keeper, listener = found["duties"]
        assert (keeper["name"], keeper["alive"], keeper["last_success"]) == ("keeper", False, None)
        assert (listener["name"], listener["alive"], listener["error"]) == ("listener", True, None)
    error = "it could not be started: can't start new thread"
    assert [line for line in found["lines"] if "alive" in line] == [
        f"duty        keeper is not alive since {keeper['since']}: {error}"
    ]


def test_a_caller_is_told_which_notices_stand(agent: Agent) -> None:
    ask(agent, "deploy", DEPLOY)
    agent.host.ledger.set_degraded("shop.production", "worker does not stay up")
    for answer in (ask(agent, "status", SHOP, role="pipeline"), ask(agent, "status"), ask(agent, "doctor")):
        (found,) = answer["result"]["notices"]
        assert (found["code"], found["subject"], found["severity"]) == ("app-degraded", "shop.production", "warning")
        assert set(found) == {"code", "subject", "message", "severity", "since", "next"}


def no_thread(_: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


# -- what comes in


GARBAGE: dict[str, bytes] = {
    "no JSON": b"GET / HTTP/1.1\r\n",
    "no object": b"[1, 2]\n",
    "bytes": b"\xff\xfe\x00\n",
    "half a surrogate pair": b'{"id": "\\ud800"}\n',
    "deep": b"[" * 200_000 + b"\n",
    "a huge line": b'{"a": "' + b"x" * LINE_LIMIT_BYTES + b'"}\n',
    "half a line": b'{"protocol": 1, "requ',
}


@pytest.mark.parametrize("line", GARBAGE.values(), ids=GARBAGE)
@pytest.mark.parametrize("before", [b"", b'{"role": "operator"}\n'], ids=["as role", "as request"])
def test_garbage_is_answered_with_bad_request(agent: Agent, before: bytes, line: bytes) -> None:
    (answer,) = speak(agent, before, line)
    assert code(answer) == ("bad-request", 2)


@pytest.mark.parametrize("lines", [[], [b'{"role": "operator"}\n']])
def test_a_caller_that_says_nothing_gets_no_answer(agent: Agent, lines: list[bytes]) -> None:
    assert speak(agent, *lines) == []


def test_a_line_of_the_longest_size_is_read() -> None:
    line = b'{"a": "' + b"x" * (LINE_LIMIT_BYTES - 10) + b'"}\n'
    assert len(line) == LINE_LIMIT_BYTES
    channel = Channel(io.BytesIO(line), io.BytesIO())
    assert set(channel.receive() or {}) == {"a"}
    assert channel.receive() is None
    with pytest.raises(BadRequest):
        Channel(io.BytesIO(b" " + line), io.BytesIO()).receive()


@pytest.mark.parametrize("protocol", [0, 2, "1", None, []])
def test_another_protocol_is_told_what_is_spoken(agent: Agent, protocol: Any) -> None:
    line = json.dumps({"protocol": protocol, "id": "x", "request": "hello"}).encode() + b"\n"
    (answer,) = speak(agent, b'{"role": "pipeline"}\n', line)
    assert code(answer) == ("protocol-unsupported", 2)
    assert answer["error"]["details"] == {"supported": [1], "agent": __version__}


@pytest.mark.parametrize(
    "changed", [{"request": "reboot"}, {"request": ["hello"]}, {"id": ""}, {"id": 5}, {"params": []}, {"params": "x"}]
)
def test_a_malformed_request_is_refused(agent: Agent, changed: dict[str, Any]) -> None:
    line = json.dumps({"protocol": 1, "id": "x", "request": "hello", **changed}).encode() + b"\n"
    (answer,) = speak(agent, b'{"role": "pipeline"}\n', line)
    assert code(answer) == ("bad-request", 2)
    assert answer["error"]["message"].startswith(UNKNOWN_REQUEST[1]), "by this a newer client tells an older agent"


@pytest.mark.parametrize(
    ("request_kind", "params"),
    [
        ("follow", {**SHOP, "after": "x"}),
        ("deployments", {**SHOP, "limit": "many"}),
        ("logs", {**SHOP, "tail": "all"}),
        ("logs", {**SHOP, "release": "1"}),
        ("logs", {**SHOP, "role": "../x"}),
        ("plan", {**SHOP, "kind": "rollback", "to": "one"}),
        ("rollback", {**SHOP, "to": "one"}),
        ("status", {"app": "shop", "environment": "../x"}),
        ("deploy", {}),
        ("deploy", {**DEPLOY, "digest": "latest"}),
        ("env.set", {**SHOP, "variables": {"A B": "x"}}),
        ("env.set", {**SHOP, "variables": {"A": 1}}),
        ("env.set", {**SHOP, "variables": {"A": "é" * (64 << 10)}}),
        ("deploy", {**DEPLOY, "manifest": manifest(env={"required": [], "values": {"A": "x" * (64 << 10)}})}),
        ("env.unset", {**SHOP, "names": [["A"]]}),
        ("exec", {**SHOP, "command": "ls"}),
        ("reports.set", {"url": "ftp://x", "token": "t"}),
        ("reports.set", {"url": "http://x:port/", "token": "t"}),
        ("reports.set", {"url": "http://x/", "token": "a\nb"}),
        ("reports.set", {"url": "http://x/", "token": "t", "host": "a\r\nb"}),
    ],
)
def test_a_wrong_parameter_is_a_bad_request(agent: Agent, request_kind: str, params: dict[str, Any]) -> None:
    ask(agent, "deploy", DEPLOY)
    answer = ask(agent, request_kind, params)
    assert answer["error"]["exit"] == 2, answer


def test_a_fault_in_the_agent_is_an_answer_too(agent: Agent, capsys: pytest.CaptureFixture[str]) -> None:
    agent.host.ledger.close()
    answer = ask(agent, "status")
    assert code(answer) == ("internal-error", 1)
    assert "Traceback" in capsys.readouterr().err


def test_an_engine_that_refuses_is_an_answer_too(agent: Agent, machine: FakeMachine) -> None:
    machine.docker.facts = refuse  # type: ignore[method-assign]
    assert code(ask(agent, "hello")) == ("engine-error", 1)


def test_an_agent_whose_ledger_is_damaged_says_so_to_everybody(machine: FakeMachine) -> None:
    (machine.folder / "ledger.db").write_bytes(b"no database here" * 1000)
    broken = Agent(machine.folder, machine.docker)
    assert code(ask(broken, "hello")) == ("ledger-damaged", 4)
    assert code(ask(broken, "deploy", DEPLOY)) == ("ledger-damaged", 4)


# -- deploys


def test_a_deploy_streams_its_events_then_its_outcome(agent: Agent) -> None:
    *events, last = converse(agent, "deploy", DEPLOY, role="pipeline")
    numbers = [line["event"]["sequence"] for line in events]
    assert numbers == list(range(1, len(events) + 1))
    assert last["result"]["outcome"] == "succeeded"
    assert last["result"]["release"]["number"] == 1
    state = ask(agent, "status", SHOP)["result"]["apps"][0]
    assert (state["state"], state["health"]["healthy"], state["degraded"]) == ("serving", True, "")


def test_a_repeated_request_attaches_and_deploys_nothing(agent: Agent, machine: FakeMachine) -> None:
    first = converse(agent, "deploy", DEPLOY, identifier="one")
    again = converse(agent, "deploy", DEPLOY, identifier="one")
    assert again[:-1] == first[:-1]
    assert again[-1]["result"]["deployment"] == first[-1]["result"]["deployment"]
    assert len(agent.host.ledger.deployments()) == 1


@pytest.mark.parametrize(
    ("kind", "params"),
    [("rollback", SHOP), ("deploy", {**DEPLOY, "manifest": manifest(app="other")})],
)
def test_an_id_that_stands_for_something_else_is_refused(agent: Agent, kind: str, params: dict[str, Any]) -> None:
    ask(agent, "deploy", DEPLOY, identifier="one")
    answer = ask(agent, kind, params, identifier="one")
    assert code(answer) == ("bad-request", 2)
    assert "stands for a deploy of shop.production already" in answer["error"]["message"]
    assert len(agent.host.ledger.deployments()) == 1


def test_two_calls_with_one_id_at_once_begin_one_deployment(agent: Agent) -> None:
    ask(agent, "env.set", {**SHOP, "variables": {"A": "1"}})
    answers: list[Any] = []
    callers = [
        threading.Thread(target=lambda: answers.append(ask(agent, "deploy", DEPLOY, identifier="same")))
        for _ in range(8)
    ]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(30)
    assert {answer["result"]["deployment"] for answer in answers} == {agent.host.ledger.deployments()[0].id}
    assert len(answers) == 8
    assert len(agent.host.ledger.deployments()) == 1


class Gate:
    """Holds a deploy at its health check."""

    def __init__(self, agent: Agent) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()
        agent.host.probe = self.probe

    def probe(self, *_: Any) -> Answer:
        self.entered.set()
        assert self.leave.wait(20)
        return Answer(200)


def test_a_second_deploy_is_told_who_deploys_and_which_step(agent: Agent) -> None:
    gate = Gate(agent)
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(ask(agent, "deploy", DEPLOY)))
    caller.start()
    assert gate.entered.wait(20)
    busy = ask(agent, "deploy", DEPLOY)
    assert code(busy) == ("busy", 3)
    assert "in step healthy" in busy["error"]["message"]
    assert busy["error"]["details"]["deployment"] == agent.host.ledger.deployments()[0].id
    other = {**DEPLOY, "manifest": manifest(app="other", domain="other.example.com")}
    assert code(ask(agent, "rollback", SHOP)) == ("busy", 3)
    gate.leave.set()
    caller.join(20)
    assert answers[0]["result"]["outcome"] == "succeeded"
    assert ask(agent, "deploy", other)["result"]["outcome"] == "succeeded"


def test_a_cancel_at_the_health_check_takes_the_candidate_back(agent: Agent, machine: FakeMachine) -> None:
    gate = Gate(agent)
    answers: list[Any] = []
    caller = threading.Thread(target=lambda: answers.append(ask(agent, "deploy", DEPLOY)))
    caller.start()
    assert gate.entered.wait(20)
    assert ask(agent, "cancel", SHOP, role="pipeline")["result"]["cancelled"] is True
    gate.leave.set()
    caller.join(20)
    assert code(answers[0]) == ("cancelled", 1)
    assert machine.docker.workload("ferryman.shop.production.web.1") is None
    assert code(ask(agent, "cancel", SHOP)) == ("nothing-runs", 3)


def test_a_cancel_during_the_migrations_ends_them(agent: Agent, machine: FakeMachine) -> None:
    machine.publish("hangs", Behaviour(migrations=["x.1"], migrate_hangs=True))
    answers: list[Any] = []
    wait = machine.docker.wait

    def cancels_first(workload: str, limit: float) -> int | None:
        if not answers:
            answers.append(ask(agent, "cancel", SHOP))
        return wait(workload, limit)

    machine.docker.wait = cancels_first  # type: ignore[method-assign]
    assert code(ask(agent, "deploy", {**DEPLOY, "digest": digest("hangs")})) == ("cancelled", 1)
    assert answers[0]["result"]["cancelled"] is True
    assert machine.docker.workloads({"ferryman.role": "migrate"}) == []


def test_a_failed_deploy_can_be_followed_later_with_all_that_it_said(agent: Agent, machine: FakeMachine) -> None:
    machine.publish("bad", Behaviour(exits={"web": 3}, log="boom\n"))
    *events, last = converse(agent, "deploy", {**DEPLOY, "digest": digest("bad")}, identifier="bad")
    assert code(last) == ("container-exited", 1)
    deployment = last["error"]["details"]["deployment"]
    for identifier in (deployment, "bad", None):
        again = converse(agent, "follow", {**SHOP, "deployment": identifier, "after": 4})
        if identifier is None:
            assert again.pop(0) == {"event": {"kind": "following", "deployment": deployment}}
        assert again[:-1] == events[4:]
        assert again[-1] == last
    assert code(ask(agent, "follow", {"deployment": "nothing"})) == ("unknown-deployment", 3)


def test_what_no_outcome_was_recorded_of_is_no_success(agent: Agent) -> None:
    app = agent.host.ledger.add_app("shop", "production", range(1, 9))
    agent.host.ledger.begin(app, "lost", Kind.DEPLOY, None)
    assert code(ask(agent, "follow", {"deployment": "lost"})) == ("outcome-not-recorded", 1)


# -- what an operator sets


def test_variables_are_versioned_and_shown_by_name(agent: Agent) -> None:
    assert ask(agent, "env.set", {**SHOP, "variables": {"A": "1", "B": "2"}})["result"]["version"] == 1
    assert ask(agent, "env.set", {**SHOP, "variables": {"A": "1"}})["result"] == {"version": 1, "changed": []}
    assert ask(agent, "env.unset", {**SHOP, "names": ["B", "B"]})["result"] == {"version": 2, "changed": ["B"]}
    assert ask(agent, "env.list", SHOP)["result"] == {"version": 2, "variables": {"A": None}}
    assert ask(agent, "env.list", {**SHOP, "values": True})["result"]["variables"] == {"A": "1"}
    assert code(ask(agent, "env.unset", {**SHOP, "names": ["B"]})) == ("variable-not-set", 3)
    assert [row["change"] for row in ask(agent, "env.history", SHOP)["result"]["versions"]] == ["unset B", "set A, B"]


def test_where_reports_go_is_kept_and_the_token_is_not_shown(agent: Agent) -> None:
    assert "result" in ask(agent, "reports.set", {"url": "https://h.example:8443/api/", "token": "t0ken"})
    shown = ask(agent, "outbox")["result"]
    assert shown["url"] == "https://h.example:8443/api/"
    assert "t0ken" not in json.dumps([shown, ask(agent, "status")])


def test_plans_change_nothing(agent: Agent, folder: Path) -> None:
    before = sorted(path.name for path in folder.rglob("*"))
    found = ask(agent, "plan", {**DEPLOY, "manifest": manifest(env={"required": ["T"], "values": {}})})["result"]
    assert found["refused"] == ["ferryman.toml requires T, which is not set"]
    assert found["steps"][2] == {"step": "pull", "detail": "pull acme/shop by digest"}
    assert agent.host.ledger.apps() == []
    assert sorted(path.name for path in folder.rglob("*")) == before
    ask(agent, "deploy", DEPLOY)
    assert ask(agent, "plan", DEPLOY)["result"]["unchanged"] is True
    assert code(ask(agent, "plan", {**SHOP, "kind": "rollback"})) == ("no-earlier-release", 3)


@pytest.mark.parametrize("identifier", ["x" * 201, "a\nb", "\x1b[2J"])
def test_an_id_is_short_and_printable_for_it_is_kept(agent: Agent, identifier: str) -> None:
    assert code(ask(agent, "deploy", DEPLOY, role="pipeline", identifier=identifier)) == ("bad-request", 2)
    cancel = {**SHOP, "deployment": identifier, "is_coming": True}
    assert code(ask(agent, "cancel", cancel, role="pipeline")) == ("bad-request", 2)
    assert not agent.running._cancelled


def test_a_plan_is_as_its_deploy_for_an_app_that_is_degraded_or_has_a_container_down(
    machine: FakeMachine, agent: Agent
) -> None:
    ask(agent, "deploy", DEPLOY)
    app = "shop.production"
    stop, degrade = machine.docker.stop, agent.host.ledger.set_degraded
    for damage, values in ((stop, (f"ferryman.{app}.postgres", 1.0)), (degrade, (app, "worker does not stay up"))):
        damage(*values)
        planned = ask(agent, "plan", DEPLOY)["result"]
        assert (planned["unchanged"], planned["release"]["number"]) == (False, planned["serving"]["number"] + 1)
        assert ask(agent, "deploy", DEPLOY)["result"]["outcome"] == "succeeded"
        assert ask(agent, "plan", DEPLOY)["result"]["unchanged"] is True
