"""The edge's configuration as text, and the edge beside an HAProxy whose runtime socket is simulated."""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ferryman_agent.edge import Closed, Edge, Route, in_maintenance, runtime, stopped
from ferryman_agent.edge.configuration import (
    CLOSED,
    FOLDER,
    HOSTS,
    UNUSED_ADDRESS,
    frontends,
    render,
    render_closed,
    render_map,
)
from ferryman_agent.edge.runtime import EdgeError
from ferryman_agent.engine import Keep
from ferryman_agent.testing import FakeDocker, FakeMachine

ADDRESSES = {"a": "10.213.1.10:8000", "b": "10.213.1.11:8000"}
DIRECT = Route(1, None, ADDRESSES, "a")
NAMED = Route(2, "shop.example.com", {"a": "10.213.2.10:9000", "b": "10.213.2.11:9000"}, "b")
ANNOUNCED = Route(0, "new.example.com", {}, None)

FRONTEND_DIRECT = """\
frontend direct
    bind :8000
    unique-id-format %[uuid]
    http-request del-header X-Forwarded-For
    http-request del-header X-Forwarded-Host
    http-request del-header Forwarded
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Request-ID %[unique-id]
    option forwardfor
    http-request set-var(txn.slot) str(*),map(/usr/local/etc/haproxy/hosts.map,none)
    acl is_closed var(txn.closed) -m found
    acl is_open_path path,strcmp(txn.open_path) eq 0
    http-request set-var(txn.closed) var(txn.slot),map(/usr/local/etc/haproxy/closed.map)
    http-request set-var(txn.open_path) var(txn.closed),field(4,:),b64dec if { var(txn.closed) -m found }
    http-request return status 503 content-type "application/problem+json" RETRY lf-string \
"%[var(txn.closed),field(3,:),b64dec]" if is_closed !is_open_path { req.hdr(accept) -m sub json }
    http-request return status 503 content-type "text/html; charset=utf-8" RETRY lf-string \
"%[var(txn.closed),field(2,:),b64dec]" if is_closed !is_open_path
    use_backend %[var(txn.slot)]
    default_backend none
""".replace("RETRY", 'hdr Retry-After "%[var(txn.closed),field(1,:)]" hdr Cache-Control no-store')
FRONTEND_NAMED = FRONTEND_DIRECT.replace("direct", "named").replace(":8000", ":80")
FRONTEND_NAMED = FRONTEND_NAMED.replace("str(*)", "req.hdr(host),host_only,lower")


def section(configuration: str, name: str) -> str:
    """The lines of one section."""
    begin = configuration.index(f"{name}\n")
    end = configuration.find("\n\n", begin)
    return configuration[begin:] if end < 0 else configuration[begin : end + 1]


def test_every_slot_is_declared_beforehand_and_only_the_serving_lane_is_enabled() -> None:
    text = render([NAMED, DIRECT])
    assert section(text, "backend slot1") == (
        "backend slot1\n    server a 10.213.1.10:8000\n    server b 10.213.1.11:8000 disabled\n"
    )
    assert section(text, "backend slot2") == (
        "backend slot2\n    server a 10.213.2.10:9000 disabled\n    server b 10.213.2.11:9000\n"
    )
    for slot in range(3, 17):
        unused = f"backend slot{slot}\n    server a {UNUSED_ADDRESS} disabled\n    server b {UNUSED_ADDRESS} disabled\n"
        assert section(text, f"backend slot{slot}") == unused
    assert "slot17" not in text
    assert "\nbackend slot0" not in text


def test_frontends_are_there_for_the_names_that_are_served() -> None:
    text = render([DIRECT, NAMED])
    assert section(text, "frontend direct") == FRONTEND_DIRECT
    assert section(text, "frontend named") == FRONTEND_NAMED
    assert "frontend named" not in render([DIRECT])
    assert "frontend direct" not in render([NAMED])
    assert "frontend named" in render([DIRECT, ANNOUNCED])
    assert "frontend" not in render([])


def test_what_keeps_requests_from_being_lost_is_configured() -> None:
    words = {line.strip() for line in render([DIRECT]).splitlines()}
    assert {"option http-server-close", "timeout http-request 15s", "hard-stop-after 60s"} <= words
    assert "stats socket /usr/local/etc/haproxy/run/admin.sock mode 600 level admin" in words


def test_the_same_routes_give_the_same_text_in_any_order() -> None:
    assert render([DIRECT, NAMED]) == render([NAMED, DIRECT])
    assert render_map([DIRECT, NAMED, ANNOUNCED]) == "* slot1\nshop.example.com slot2\n"
    assert render_map([ANNOUNCED, Route(3, "x", ADDRESSES, None)]) == ""
    assert frontends([DIRECT, NAMED]) == {"direct", "named"}


class FakeHaproxy:
    """A runtime socket that answers what the edge asks, and remembers what it was told."""

    def __init__(self, path: Path, has: set[str]) -> None:
        self.has = has
        self.map: dict[str, str] = {}
        self.closed: dict[str, str] = {}
        self.can_close = True
        self.paused: set[str] = set()
        self.told: list[str] = []
        self.complaint = ""
        path.parent.mkdir(parents=True, exist_ok=True)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.bind(str(path))
        self._socket.listen()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                line = connection.makefile().readline().strip()
                connection.sendall("".join(self._answer(command) for command in line.split(";")).encode())

    def _answer(self, command: str) -> str:
        if command == "show stat -1 1 -1":
            rows = (f"{name},FRONTEND,{'PAUSED' if name in self.paused else 'OPEN'},\n" for name in self.has)
            return "# pxname,svname,status,\n" + "".join(rows) + "\n"
        if command.startswith("show stat"):
            return "# pxname,svname,scur,status,\nslot1,a,3,no check,\nslot1,b,0,DRAIN,\n\n"
        if command == "show map":
            return f"0 ({HOSTS}) pattern\n" + (f"3 ({CLOSED}) pattern\n" if self.can_close else "") + "\n"
        if command.startswith("show map"):
            entries = self.closed if CLOSED in command else self.map
            return "".join(f"0x1 {key} {value}\n" for key, value in entries.items()) + "\n"
        if command.startswith("show"):
            return "Name: HAProxy\n\n"
        self.told.append(command)
        return f"{self.complaint}\n"


class EngineWithHaproxy(FakeDocker):
    """Starting the edge's container starts HAProxy on the configuration that is there."""

    haproxy: FakeHaproxy | None = None

    def start(self, container: str) -> None:
        super().start(container)
        socket_path = self.folder / "edge" / "run" / "admin.sock"
        socket_path.unlink(missing_ok=True)
        text = (self.folder / "edge" / "haproxy.cfg").read_text()
        self.haproxy = FakeHaproxy(socket_path, {name for name in ("direct", "named") if f"frontend {name}" in text})

    def remove(self, container: str) -> None:
        super().remove(container)
        if self.haproxy:
            self.haproxy.close()
            self.haproxy = None


@pytest.fixture
def engine(machine: FakeMachine) -> Iterator[EngineWithHaproxy]:
    made = EngineWithHaproxy(machine.folder, machine.stopwatch)
    yield made
    made.remove("ferryman.edge")


@pytest.fixture
def edge(engine: EngineWithHaproxy) -> Edge:
    return Edge(engine, engine.folder / "edge", lambda image: engine.pull(image, None, lambda: False))


def told(engine: EngineWithHaproxy) -> list[str]:
    assert engine.haproxy is not None
    found, engine.haproxy.told = engine.haproxy.told, []
    return found


def test_the_first_agreement_starts_the_edge_fenced_in(edge: Edge, engine: EngineWithHaproxy) -> None:
    edge.agree([DIRECT])
    workload = engine.by_name["ferryman.edge"].workload
    assert (workload.endpoint, workload.is_read_only, workload.keep) == (None, True, Keep.RETURNING)
    assert workload.folders == {str(engine.folder / "edge"): FOLDER}
    assert edge.state()["state"] == "running"
    assert (engine.folder / "edge" / "hosts.map").read_text() == "* slot1\n"


def test_a_switch_enables_the_new_lane_before_it_drains_the_old_and_restarts_nothing(
    edge: Edge, engine: EngineWithHaproxy
) -> None:
    edge.agree([DIRECT])
    started = list(engine.calls)
    edge.agree([Route(1, None, ADDRESSES, "b")])
    assert told(engine) == [
        "set server slot1/b addr 10.213.1.11 port 8000",
        "set server slot1/b state ready",
        "set server slot1/a state drain",
        "add map /usr/local/etc/haproxy/hosts.map * slot1",
    ]
    assert engine.calls == started
    assert "server b 10.213.1.11:8000\n" in (engine.folder / "edge" / "haproxy.cfg").read_text()


def test_a_domain_that_moves_is_mapped_anew(edge: Edge, engine: EngineWithHaproxy) -> None:
    edge.agree([NAMED])
    assert engine.haproxy is not None
    engine.haproxy.map = {"old.example.com": "slot2", "shop.example.com": "slot9"}
    edge.agree([NAMED])
    hosts = "/usr/local/etc/haproxy/hosts.map"
    assert told(engine)[-2:] == [f"set map {hosts} shop.example.com slot2", f"del map {hosts} old.example.com"]


HOSTILE = """<script>alert('x')</script> %[src] ; del map \\ "${HOME}" a:b #| é 𝄞"""


def texts(closed: Closed) -> list[str]:
    return [base64.b64decode(word).decode() for word in closed.value.split(":")[1:]]


def test_a_hostile_message_is_one_word_to_haproxy_and_plain_text_to_a_browser() -> None:
    closed = in_maintenance(HOSTILE, 90, "/health?full=1")
    assert closed.value.startswith("90:")
    assert not set(closed.value) - set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=:")
    page, problem, open_path = texts(closed)
    assert "<script>" not in page
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in page
    assert json.loads(problem)["detail"] == HOSTILE
    assert open_path == "/health"
    assert "\n" not in page + problem


def test_a_stopped_app_lets_nothing_through_and_says_something_else() -> None:
    assert texts(stopped())[2] == ""
    assert "is stopped" in texts(stopped())[0]
    assert "under maintenance" in texts(in_maintenance("", 60, "/health"))[0]


def test_a_closed_app_is_known_by_name_whether_it_serves_or_not() -> None:
    closed = Route(3, "x.example.com", ADDRESSES, None, stopped())
    assert render_map([closed]) == "x.example.com slot3\n"
    assert render_closed([closed, DIRECT]) == f"slot3 {stopped().value}\n"
    assert section(render([closed]), "backend slot3").count("disabled") == 2


def test_closing_and_opening_an_app_changes_maps_alone_and_opens_last(edge: Edge, engine: EngineWithHaproxy) -> None:
    edge.agree([DIRECT])
    assert engine.haproxy is not None
    engine.haproxy.map = {"*": "slot1"}
    started, closed = list(engine.calls), in_maintenance("", 60, "/health")
    edge.agree([Route(1, None, ADDRESSES, "a", closed)])
    assert told(engine)[0] == f"add map {CLOSED} slot1 {closed.value}"
    assert (engine.folder / "edge" / "closed.map").read_text() == f"slot1 {closed.value}\n"
    engine.haproxy.closed = {"slot1": closed.value}
    assert edge.closed(1) == closed.value
    other = in_maintenance("soon", 60, "/health")
    edge.agree([Route(1, None, ADDRESSES, "a", other)])
    assert told(engine)[0] == f"set map {CLOSED} slot1 {other.value}"
    edge.agree([Route(1, None, ADDRESSES, None, stopped())])
    assert told(engine)[1:] == ["set server slot1/a state drain", "set server slot1/b state drain"]
    edge.agree([DIRECT])
    assert told(engine)[-1] == f"del map {CLOSED} slot1"
    assert engine.calls == started


def test_an_edge_of_an_older_agent_is_restarted_once_an_app_is_to_be_closed(
    edge: Edge, engine: EngineWithHaproxy
) -> None:
    edge.agree([DIRECT])
    assert engine.haproxy is not None
    engine.haproxy.can_close = False
    started = list(engine.calls)
    edge.agree([DIRECT])
    assert (engine.calls, edge.closed(1)) == (started, None)
    edge.agree([Route(1, None, ADDRESSES, "a", stopped())])
    assert engine.calls == [*started, "start ferryman.edge"]


def test_a_port_is_opened_by_a_restart_also_when_a_crash_came_before_it(
    edge: Edge, engine: EngineWithHaproxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge.agree([DIRECT])

    class Died(BaseException):
        pass

    def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(engine, "create", die)  # the new configuration is written, the edge not yet restarted
        with pytest.raises(Died):
            edge.agree([DIRECT, ANNOUNCED])
    edge.agree([DIRECT, ANNOUNCED])
    assert engine.haproxy is not None
    assert engine.haproxy.has == {"direct", "named"}
    started = list(engine.calls)
    edge.agree([DIRECT])
    assert engine.calls == started  # a port too many is no reason to restart


def test_it_tells_for_which_ports_it_must_be_started(edge: Edge, engine: EngineWithHaproxy) -> None:
    assert edge.ports_to_open(ANNOUNCED) == {80}
    edge.agree([DIRECT])
    assert (edge.ports_to_open(ANNOUNCED), edge.ports_to_open(DIRECT)) == ({80}, set())
    (engine.folder / "edge" / "run" / "admin.sock").unlink()
    assert edge.ports_to_open(ANNOUNCED) == set()  # it may have any


def test_the_port_of_no_name_is_given_up_and_taken_again_without_a_restart(
    edge: Edge, engine: EngineWithHaproxy
) -> None:
    edge.agree([DIRECT, NAMED])
    started = list(engine.calls)
    edge.agree([NAMED])
    assert engine.haproxy is not None
    assert told(engine)[-1] == "disable frontend direct"
    engine.haproxy.paused = {"direct"}
    edge.agree([NAMED])
    assert "disable frontend direct" not in told(engine)
    edge.agree([DIRECT, NAMED])
    assert told(engine)[-1] == "enable frontend direct"
    engine.haproxy.complaint = "Failed to resume frontend, check logs for precise cause (port conflict?)."
    with pytest.raises(EdgeError, match="port conflict"):
        edge.agree([DIRECT, NAMED])
    assert engine.calls == started


def test_an_edge_with_nothing_to_route_is_not_started_and_can_go(edge: Edge, engine: EngineWithHaproxy) -> None:
    edge.agree([])
    assert edge.state()["state"] == "missing"
    edge.prepare()
    assert "haproxy:3.0" in engine.images_here
    edge.agree([DIRECT])
    edge.agree([])
    assert edge.state()["state"] == "running"
    edge.remove()
    assert edge.state()["state"] == "missing"


def test_a_configuration_that_the_running_edge_does_not_have_yet_is_not_believed(
    edge: Edge, engine: EngineWithHaproxy
) -> None:
    edge.agree([DIRECT])
    (engine.folder / "edge" / "haproxy.cfg").write_text(render([DIRECT, NAMED]))
    edge.agree([DIRECT, NAMED])
    assert engine.haproxy is not None
    assert engine.haproxy.has == {"direct", "named"}


def test_what_the_edge_refuses_is_an_error(edge: Edge, engine: EngineWithHaproxy) -> None:
    edge.agree([DIRECT])
    assert engine.haproxy is not None
    engine.haproxy.complaint = "no need to change the addr, IP changed from 'x' to 'y'"
    edge.agree([DIRECT])
    engine.haproxy.complaint = "No such server."
    with pytest.raises(EdgeError, match="No such server"):
        edge.agree([DIRECT])


def test_counters_are_read_from_the_edge(edge: Edge, engine: EngineWithHaproxy) -> None:
    assert edge.open_requests(1, "a") == 0  # it does not run: nobody is being answered
    edge.agree([DIRECT])
    assert (edge.open_requests(1, "a"), edge.open_requests(1, "b")) == (3, 0)
    assert edge.serving_lane(1) == "a"
    edge.cut(1, "b")
    assert told(engine) == ["shutdown sessions server slot1/b", "set server slot1/b state maint"]


def test_an_edge_that_never_answers_is_an_error_with_its_log(
    edge: Edge, engine: EngineWithHaproxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ferryman_agent.edge.edge.START_LIMIT_SECONDS", 0.0)
    monkeypatch.setattr(FakeHaproxy, "_serve", lambda self: self._socket.close())
    engine.registry["haproxy:3.0"].log = "cannot bind :8000\n"
    with pytest.raises(EdgeError) as caught:
        edge.agree([DIRECT])
    assert (caught.value.code, caught.value.details) == ("edge-failed", {"log": ["cannot bind :8000"]})
    monkeypatch.undo()
    engine.haproxy = None


def test_a_socket_that_is_not_there_is_an_edge_that_is_down(folder: Path) -> None:
    with pytest.raises(EdgeError) as caught:
        runtime.command(folder / "nothing.sock", "show info")
    assert caught.value.code == "edge-down"
