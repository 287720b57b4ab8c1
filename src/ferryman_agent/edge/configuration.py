"""Pure: routes → HAProxy's configuration and host map; the same routes always give the same text."""

from __future__ import annotations

from dataclasses import dataclass

from ferryman_agent.containers import HOST_PORT
from ferryman_agent.edge.closed import Closed
from ferryman_agent.ledger.ledger import SLOTS

FOLDER = "/usr/local/etc/haproxy"
HOSTS = f"{FOLDER}/hosts.map"
CLOSED = f"{FOLDER}/closed.map"
UNUSED_ADDRESS = "127.0.0.1:9"
LANES = ("a", "b")
DIRECT, NAMED = "direct", "named"  # the frontends: of the port without a name, and of host names
DIRECT_KEY = "*"
PORTS = {DIRECT: HOST_PORT, NAMED: 80}

GLOBAL = f"""\
global
    log stdout format raw local0 notice
    stats socket {FOLDER}/run/admin.sock mode 600 level admin
    user haproxy
    group haproxy
    maxconn 4096
    hard-stop-after 60s

defaults
    mode http
    log global
    # an idle connection that the app is just closing is never reused for a POST
    option http-server-close
    option dontlognull
    option splice-auto
    timeout connect 5s
    timeout client 75s
    timeout client-fin 30s
    timeout http-request 15s
    timeout http-keep-alive 75s
    timeout queue 30s
    timeout server 300s
    timeout tunnel 1h
    retries 3
    errorfile 503 {FOLDER}/503.http
"""

UNAVAILABLE = (
    "HTTP/1.1 503 Service Unavailable\r\nCache-Control: no-store\r\nRetry-After: 5\r\nContent-Type: text/plain\r\n"
    "Connection: close\r\n\r\nNo release serves here at the moment.\n"
)


@dataclass(frozen=True)
class Route:
    """Where an app's requests go: `domain` None means the port without a name; `lane` None means nowhere.

    `closed` is what the edge answers in the app's place. Slot 0 has no backend: it announces the domain of a release
    that is about to be committed, so that its port is opened beforehand.
    """

    slot: int
    domain: str | None
    addresses: dict[str, str]
    lane: str | None
    closed: Closed | None = None

    @property
    def key(self) -> str:
        """The app's key in the host map."""
        return self.domain or DIRECT_KEY

    @property
    def is_known(self) -> bool:
        """True when the edge has an answer to requests for this name."""
        return bool(self.slot and (self.lane or self.closed))


def render(routes: list[Route]) -> str:
    """The whole configuration: all slots are declared beforehand, so that a deploy never reloads."""
    by_slot = {route.slot: route for route in routes}
    parts = [GLOBAL]
    needed = frontends(routes)
    if DIRECT in needed:
        parts.append(_frontend(DIRECT, f"str({DIRECT_KEY})"))
    if NAMED in needed:
        parts.append(_frontend(NAMED, "req.hdr(host),host_only,lower"))
    parts.extend(_backend(slot, by_slot.get(slot)) for slot in range(1, SLOTS + 1))
    parts.append("backend none\n    http-request return status 503 default-errorfiles\n")
    return "\n".join(parts)


def files(routes: list[Route]) -> dict[str, str]:
    """name → content of all that HAProxy reads when it starts."""
    return {
        "hosts.map": render_map(routes),
        "closed.map": render_closed(routes),
        "503.http": UNAVAILABLE,
        "haproxy.cfg": render(routes),
    }


def frontends(routes: list[Route]) -> set[str]:
    """The frontends, each with its port, that the routes need: only a missing one needs a restart."""
    return {NAMED if route.domain else DIRECT for route in routes}


def render_map(routes: list[Route]) -> str:
    """host → slot."""
    return "".join(f"{r.key} slot{r.slot}\n" for r in sorted(routes, key=lambda r: r.key) if r.is_known)


def render_closed(routes: list[Route]) -> str:
    """slot → what the edge answers in the app's place."""
    return "".join(f"slot{r.slot} {r.closed.value}\n" for r in sorted(routes, key=lambda r: r.slot) if r.closed)


def server_lines(route: Route) -> dict[str, tuple[str, bool]]:
    """lane → (address, serves) as HAProxy must have it."""
    return {lane: (route.addresses[lane], lane == route.lane) for lane in LANES}


def _frontend(name: str, key: str) -> str:
    return (
        f"frontend {name}\n"
        f"    bind :{PORTS[name]}\n"
        "    unique-id-format %[uuid]\n"
        "    http-request del-header X-Forwarded-For\n"
        "    http-request del-header X-Forwarded-Host\n"
        "    http-request del-header Forwarded\n"
        "    http-request set-header X-Forwarded-Proto http\n"
        "    http-request set-header X-Request-ID %[unique-id]\n"
        "    option forwardfor\n"
        f"    http-request set-var(txn.slot) {key},map({HOSTS},none)\n"
        f"{_closed()}"
        "    use_backend %[var(txn.slot)]\n"
        "    default_backend none\n"
    )


def _closed() -> str:
    """retry-after:page:problem:open path, the last three in base64, of an app that is closed."""
    answer = 'hdr Retry-After "%[var(txn.closed),field(1,:)]" hdr Cache-Control no-store'
    rules = [
        f"set-var(txn.closed) var(txn.slot),map({CLOSED})",
        "set-var(txn.open_path) var(txn.closed),field(4,:),b64dec if { var(txn.closed) -m found }",
        f'return status 503 content-type "application/problem+json" {answer} lf-string'
        ' "%[var(txn.closed),field(3,:),b64dec]" if is_closed !is_open_path { req.hdr(accept) -m sub json }',
        f'return status 503 content-type "text/html; charset=utf-8" {answer} lf-string'
        ' "%[var(txn.closed),field(2,:),b64dec]" if is_closed !is_open_path',
    ]
    acls = "    acl is_closed var(txn.closed) -m found\n    acl is_open_path path,strcmp(txn.open_path) eq 0\n"
    return acls + "".join(f"    http-request {rule}\n" for rule in rules)


def _backend(slot: int, route: Route | None) -> str:
    lines = [f"backend slot{slot}"]
    for lane in LANES:
        address, serves = server_lines(route)[lane] if route else (UNUSED_ADDRESS, False)
        lines.append(f"    server {lane} {address}{'' if serves else ' disabled'}")
    return "\n".join(lines) + "\n"
