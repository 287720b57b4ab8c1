"""The client: one method for each operation of the API.

>>> with Harbour("https://harbour.example.com", token) as harbour:
...     for deployment in harbour.deployments(app="shop-api", outcome="failed", expand=["error"]):
...         print(deployment["started_at"], deployment["error"])
"""

from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, Literal, Self, cast
from urllib.parse import quote

import httpx

from harbour_client import answers
from harbour_client.transport import Transport

PATIENCE_SECONDS = 90.0
TIMEOUT_SECONDS = 30.0
PREFIX = "/api/v1"
Filter = str | int | None


def _joined(names: Sequence[str] | None) -> str | None:
    return ",".join(names) if names is not None else None


class Harbour:
    """Harbour at an address, asked with a token; lists are iterators that fetch page after page as they are read."""

    def __init__(self, address: str, token: str = "", *, http: httpx.Client | None = None) -> None:
        """Take address and token, or an httpx client that knows both."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self.http = http or httpx.Client(base_url=address, headers=headers, timeout=TIMEOUT_SECONDS)
        self.transport = Transport(self.http, PATIENCE_SECONDS)

    def __enter__(self) -> Self:
        """Return the client."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close its connections."""
        self.http.close()

    def _get(self, *path: str | int) -> Any:
        return self.transport.ask("GET", _address(*path))

    def _write(self, method: Literal["POST", "PATCH", "DELETE"], *path: str | int, body: Any = None) -> Any:
        return self.transport.ask(method, _address(*path), body=body)

    def _list(self, name: str, filters: dict[str, Any]) -> Iterator[Any]:
        return self.transport.pages(_address(name), filters)

    def me(self) -> answers.Me:
        """Return who asks, his roles, and what the token may be used for."""
        return cast("answers.Me", self._get("me"))

    def schema(self) -> dict[str, Any]:
        """Return the API's description."""
        return cast("dict[str, Any]", self._get("schema"))

    def apps(self, **filters: Filter) -> Iterator[answers.App]:
        """Yield apps; filters: search, ordering, page_size."""
        return self._list("apps", filters)

    def app(self, name: str) -> answers.App:
        """Return an app."""
        return cast("answers.App", self._get("apps", name))

    def change_app(self, name: str, **changes: str) -> answers.App:
        """Change description or repository."""
        return cast("answers.App", self._write("PATCH", "apps", name, body=changes))

    def servers(self, **filters: Filter) -> Iterator[answers.Server]:
        """Yield servers; filters: search, ordering, page_size."""
        return self._list("servers", filters)

    def server(self, name: str) -> answers.Server:
        """Return a server."""
        return cast("answers.Server", self._get("servers", name))

    def add_server(self, name: str) -> answers.Server:
        """Add a server; for staff."""
        return cast("answers.Server", self._write("POST", "servers", body={"name": name}))

    def environments(self, **filters: Filter) -> Iterator[answers.Environment]:
        """Yield environments; filters: app, environment, server, search, ordering, page_size."""
        return self._list("environments", filters)

    def environment(self, number: int) -> answers.Environment:
        """Return an environment."""
        return cast("answers.Environment", self._get("environments", number))

    def notices(self, **filters: Filter) -> Iterator[answers.Notice]:
        """Yield notices.

        Filters: server, app, environment, code, subject, severity, state (open, ended), ordering, page_size.
        """
        return self._list("notices", filters)

    def notice(self, number: int) -> answers.Notice:
        """Return a notice."""
        return cast("answers.Notice", self._get("notices", number))

    def releases(self, *, fields: Sequence[str] | None = None, **filters: Filter) -> Iterator[answers.Release]:
        """Yield releases; filters: app, environment, server, revision, digest, search, ordering, page_size."""
        return self._list("releases", {**filters, "fields": _joined(fields)})

    def release(self, number: int) -> answers.Release:
        """Return a release."""
        return cast("answers.Release", self._get("releases", number))

    def deployments(
        self, *, fields: Sequence[str] | None = None, expand: Sequence[str] | None = None, **filters: Filter
    ) -> Iterator[answers.Deployment]:
        """Yield deployments.

        Filters: app, environment, server, outcome (running too), kind, revision, started_after, started_before,
        ordering, page_size.
        """
        return self._list("deployments", {**filters, "fields": _joined(fields), "expand": _joined(expand)})

    def deployment(self, number: str) -> answers.Deployment:
        """Return a deployment with all its fields."""
        return cast("answers.Deployment", self._get("deployments", number))

    def write_note(self, deployment: str, note: str) -> answers.Deployment:
        """Say something about a deployment; an empty note takes it back."""
        return cast("answers.Deployment", self._write("PATCH", "deployments", deployment, body={"note": note}))

    def events(self, *, fields: Sequence[str] | None = None, **filters: Filter) -> Iterator[answers.Event]:
        """Yield events.

        Filters: server, app, environment, deployment, kind, at_after, at_before, ordering, page_size.
        """
        return self._list("events", {**filters, "fields": _joined(fields)})

    def event(self, number: int) -> answers.Event:
        """Return an event."""
        return cast("answers.Event", self._get("events", number))

    def report(self, events: list[dict[str, Any]], agent: str = "") -> answers.Receipt:
        """Report events, with a server's token; sending them again changes nothing."""
        return cast("answers.Receipt", self._write("POST", "reports", body={"agent": agent, "events": events}))

    def memberships(self, **filters: Filter) -> Iterator[answers.Membership]:
        """Yield memberships; filters: app, email, role, page_size."""
        return self._list("memberships", filters)

    def membership(self, number: int) -> answers.Membership:
        """Return a membership."""
        return cast("answers.Membership", self._get("memberships", number))

    def change_role(self, membership: int, role: answers.Role) -> answers.Membership:
        """Give a member another role."""
        return cast("answers.Membership", self._write("PATCH", "memberships", membership, body={"role": role}))

    def end_membership(self, membership: int) -> None:
        """End a membership."""
        self._write("DELETE", "memberships", membership)

    def invitations(self, **filters: Filter) -> Iterator[answers.Invitation]:
        """Yield invitations that nobody has accepted; filters: app, email, page_size."""
        return self._list("invitations", filters)

    def invitation(self, number: int) -> answers.Invitation:
        """Return an invitation."""
        return cast("answers.Invitation", self._get("invitations", number))

    def invite(self, app: str, email: str, role: answers.Role) -> answers.Invitation:
        """Invite an address to an app."""
        body = {"app": app, "email": email, "role": role}
        return cast("answers.Invitation", self._write("POST", "invitations", body=body))

    def withdraw_invitation(self, number: int) -> None:
        """Withdraw an invitation."""
        self._write("DELETE", "invitations", number)

    def tokens(self, **filters: Filter) -> Iterator[answers.Token]:
        """Yield tokens, with a session alone; filters: server, page_size."""
        return self._list("tokens", filters)

    def token(self, number: int) -> answers.Token:
        """Return a token."""
        return cast("answers.Token", self._get("tokens", number))

    def make_token(self, scopes: Sequence[answers.Scope], **more: str | None) -> answers.Token:
        """Make a token; more: name, expires_at, and for staff server. Its text is in this answer alone."""
        return cast("answers.Token", self._write("POST", "tokens", body={"scopes": list(scopes), **more}))

    def revoke_token(self, number: int) -> None:
        """Revoke a token."""
        self._write("DELETE", "tokens", number)


# The operations of the API's description, and what does each.
OPERATIONS: dict[str, Callable[..., Any]] = {
    "me_retrieve": Harbour.me,
    "schema_retrieve": Harbour.schema,
    "apps_list": Harbour.apps,
    "apps_retrieve": Harbour.app,
    "apps_partial_update": Harbour.change_app,
    "servers_list": Harbour.servers,
    "servers_retrieve": Harbour.server,
    "servers_create": Harbour.add_server,
    "environments_list": Harbour.environments,
    "environments_retrieve": Harbour.environment,
    "notices_list": Harbour.notices,
    "notices_retrieve": Harbour.notice,
    "releases_list": Harbour.releases,
    "releases_retrieve": Harbour.release,
    "deployments_list": Harbour.deployments,
    "deployments_retrieve": Harbour.deployment,
    "deployments_partial_update": Harbour.write_note,
    "events_list": Harbour.events,
    "events_retrieve": Harbour.event,
    "reports_create": Harbour.report,
    "memberships_list": Harbour.memberships,
    "memberships_retrieve": Harbour.membership,
    "memberships_partial_update": Harbour.change_role,
    "memberships_destroy": Harbour.end_membership,
    "invitations_list": Harbour.invitations,
    "invitations_retrieve": Harbour.invitation,
    "invitations_create": Harbour.invite,
    "invitations_destroy": Harbour.withdraw_invitation,
    "tokens_list": Harbour.tokens,
    "tokens_retrieve": Harbour.token,
    "tokens_create": Harbour.make_token,
    "tokens_destroy": Harbour.revoke_token,
}


def _address(*path: str | int) -> str:
    return f"{PREFIX}/{'/'.join(quote(str(part), safe='') for part in path)}/"
