"""Callers of an agent whose server is in memory: what they send, and what they are answered."""

from __future__ import annotations

import io
import json
import threading
import uuid
from typing import Any

from ferryman_agent.daemon.agent import Agent
from ferryman_agent.host.probe import Answer
from ferryman_agent.protocol import Channel
from ferryman_agent.testing import FakeMachine, digest, manifest

ADA, RUN = "ada@laptop", "https://ci.example.com/acme/shop/actions/runs/7"
SHOP = {"app": "shop", "environment": "production"}
DEPLOY = {"manifest": manifest(), "digest": digest("one"), "revision": "0" * 40}


def deploy(word: str = "one", **more: Any) -> dict[str, Any]:
    return {**DEPLOY, "digest": digest(word), "revision": word[0].encode().hex() * 20, **more}


def converse(
    agent: Agent, request: str, params: dict[str, Any], *, role: str = "operator", identifier: str = ""
) -> list[dict[str, Any]]:
    message = {"protocol": 1, "client": "0", "id": identifier or str(uuid.uuid4()), "request": request}
    lines = [{"role": role}, {**message, "params": params}]
    written = io.BytesIO()
    agent.answer(Channel(io.BytesIO(b"".join(json.dumps(line).encode() + b"\n" for line in lines)), written))
    return [json.loads(line) for line in written.getvalue().splitlines()]


def ask(agent: Agent, request: str, params: dict[str, Any], *, role: str = "operator", identifier: str = "") -> Any:
    return converse(agent, request, params, role=role, identifier=identifier)[-1]


def code(answer: dict[str, Any]) -> tuple[str, int]:
    return answer["error"]["code"], answer["error"]["exit"]


class Gate:
    """Holds a deploy at its health check."""

    def __init__(self, agent: Agent) -> None:
        self.entered, self.leave = threading.Event(), threading.Event()
        agent.host.probe = self.probe

    def probe(self, *_: Any) -> Answer:
        self.entered.set()
        assert self.leave.wait(20)
        return Answer(200)


def agent_on(machine: FakeMachine) -> Agent:
    """An agent whose server is in memory."""
    made = Agent(machine.folder, machine.docker)
    made.host.edge = made.host.routing.edge = machine.edge
    made.host.probe, made.host.stopwatch = machine.docker.probe, machine.stopwatch
    return made


class Callers:
    """Calls in threads of their own; each has an id by which its answer is found."""

    def __init__(self, agent: Agent) -> None:
        self.agent, self.answers = agent, dict[str, list[dict[str, Any]]]()
        self._threads: list[threading.Thread] = []

    def ask(self, identifier: str, kind: str, params: dict[str, Any], role: str = "operator") -> None:
        def run() -> None:
            self.answers[identifier] = converse(self.agent, kind, params, role=role, identifier=identifier)

        self._threads.append(threading.Thread(target=run))
        self._threads[-1].start()

    def waits(self, number: int) -> None:
        """Return once so many wait."""
        running = self.agent.running
        with running._changed:
            assert running._changed.wait_for(lambda: len(running._waiting.get("shop.production", [])) == number, 20)

    def end(self) -> dict[str, dict[str, Any]]:
        """The last line of each answer."""
        for thread in self._threads:
            thread.join(20)
            assert not thread.is_alive()
        return {identifier: lines[-1] for identifier, lines in self.answers.items()}
