"""Pure: routes → HAProxy's configuration and host map; the same routes always give the same text."""

from __future__ import annotations

from dataclasses import dataclass

from ferryman_agent.ledger.ledger import SLOTS

FOLDER = "/usr/local/etc/haproxy"
UNUSED_ADDRESS = "127.0.0.1:9"
LANES = ("a", "b")
DIRECT_KEY = "*"

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
    """Where an app's requests go: `domain` None means the port without a name; `lane` None means nowhere yet.

    Slot 0 has no backend: it announces the domain of a release that is about to be committed, so that its port is
    opened beforehand.
    """

    slot: int
    domain: str | None
    addresses: dict[str, str]
    lane: str | None

    @property
    def key(self) -> str:
        """The app's key in the host map."""
        return self.domain or DIRECT_KEY


def render(routes: list[Route]) -> str:
    """The whole configuration: all slots are declared beforehand, so that a deploy never reloads."""
    by_slot = {route.slot: route for route in routes}
    parts = [GLOBAL]
    needed = frontends(routes)
    if "direct" in needed:
        parts.append(_frontend("direct", 8000, f"str({DIRECT_KEY})"))
    if "named" in needed:
        parts.append(_frontend("named", 80, "req.hdr(host),host_only,lower"))
    parts.extend(_backend(slot, by_slot.get(slot)) for slot in range(1, SLOTS + 1))
    parts.append("backend none\n    http-request return status 503 default-errorfiles\n")
    return "\n".join(parts)


def frontends(routes: list[Route]) -> set[str]:
    """The frontends, each with its port, that the routes need: only a missing one needs a restart."""
    return {"named" if route.domain else "direct" for route in routes}


def render_map(routes: list[Route]) -> str:
    """host → slot."""
    return "".join(f"{r.key} slot{r.slot}\n" for r in sorted(routes, key=lambda r: r.key) if r.lane)


def server_lines(route: Route) -> dict[str, tuple[str, bool]]:
    """lane → (address, serves) as HAProxy must have it."""
    return {lane: (route.addresses[lane], lane == route.lane) for lane in LANES}


def _frontend(name: str, port: int, key: str) -> str:
    return (
        f"frontend {name}\n"
        f"    bind :{port}\n"
        "    unique-id-format %[uuid]\n"
        "    http-request del-header X-Forwarded-For\n"
        "    http-request del-header X-Forwarded-Host\n"
        "    http-request del-header Forwarded\n"
        "    http-request set-header X-Forwarded-Proto http\n"
        "    http-request set-header X-Request-ID %[unique-id]\n"
        "    option forwardfor\n"
        f"    use_backend %[{key},map({FOLDER}/hosts.map,none)]\n"
        "    default_backend none\n"
    )


def _backend(slot: int, route: Route | None) -> str:
    lines = [f"backend slot{slot}"]
    for lane in LANES:
        address, serves = server_lines(route)[lane] if route else (UNUSED_ADDRESS, False)
        lines.append(f"    server {lane} {address}{'' if serves else ' disabled'}")
    return "\n".join(lines) + "\n"
