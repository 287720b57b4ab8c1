"""A repository on Docker Hub in memory, behind the part of hub.docker.com's API that Ferryman calls.

The description is of what Docker publishes (docs.docker.com/reference/api/hub/latest): the token, the list of tags. Two
things are not in there: that `images` is a list, and the deletion of a tag, which is as Docker's own hub-tool calls it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from answering import StandIn
from openapi import Call, Description

USERNAME, PASSWORD = "shipper", "dckr_pat_right"
TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
TIME = {"type": "string", "nullable": True}
NAMES = [{"in": "path", "name": name, "required": True, "schema": TEXT} for name in ("namespace", "repository")]
TAG_NAME = {"in": "path", "name": "tag", "required": True, "schema": TEXT}
ERROR = {"type": "object", "properties": {"detail": TEXT, "message": TEXT}}
IMAGE = {
    "architecture": TEXT,
    "digest": {"type": "string", "nullable": True},
    "os": TEXT,
    "size": NUMBER,
    "status": {"type": "string", "enum": ["active", "inactive"]},
    "last_pulled": TIME,
    "last_pushed": TIME,
}
TAG = {
    "id": NUMBER,
    "images": {"type": "array", "items": {"type": "object", "properties": IMAGE}},
    "last_updated": TIME,
    "name": TEXT,
    "full_size": NUMBER,
    "status": {"type": "string", "enum": ["active", "inactive"]},
    "tag_last_pulled": TIME,
    "tag_last_pushed": TIME,
}
PAGE = {
    "count": NUMBER,
    "next": {"type": "string", "nullable": True},
    "previous": {"type": "string", "nullable": True},
    "results": {"type": "array", "items": {"type": "object", "properties": TAG, "required": ["name"]}},
}


def _answers(*errors: int, **good: Any) -> dict[str, Any]:
    found = {str(status): _json(ERROR) for status in errors}
    return found | {status.removeprefix("s"): _json(schema) if schema else {} for status, schema in good.items()}


def _json(schema: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


LOGIN = {"type": "object", "required": ["identifier", "secret"], "properties": {"identifier": TEXT, "secret": TEXT}}
TOKEN = {"type": "object", "required": ["access_token"], "properties": {"access_token": TEXT}}
QUERY = [{"in": "query", "name": name, "schema": NUMBER} for name in ("page", "page_size")]
DESCRIPTION = {
    "paths": {
        "/v2/auth/token": {"post": {"requestBody": _json(LOGIN), "responses": _answers(401, s200=TOKEN)}},
        "/v2/namespaces/{namespace}/repositories/{repository}/tags": {
            "parameters": NAMES,
            "get": {
                "parameters": QUERY,
                "responses": _answers(403, 404, s200={"type": "object", "properties": PAGE}),
            },
        },
        "/v2/repositories/{namespace}/{repository}/tags/{tag}/": {
            "parameters": [*NAMES, TAG_NAME],
            "delete": {"responses": _answers(403, 404, s204=None)},
        },
    }
}


@dataclass
class HubTag:
    """A tag; `digest` None: an answer without the tag's own digest. `images` maps digests to bytes."""

    name: str
    digest: str | None
    pushed: str | None
    images: dict[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """As the list has it."""
        images = [{"architecture": "amd64", "os": "linux", "digest": d, "size": s} for d, s in self.images.items()]
        found = {"id": 1, "name": self.name, "images": images, "full_size": sum(self.images.values())}
        return {**found, "tag_last_pushed": self.pushed, **({"digest": self.digest} if self.digest else {})}


class DockerHubStandIn(StandIn):
    """Answers as Docker Hub does, for the repository acme/shop; a token lasts for `uses` calls."""

    def __init__(self, *tags: HubTag) -> None:
        super().__init__(Description(DESCRIPTION))
        self.tags = {tag.name: tag for tag in tags}
        self.may_delete = True
        self.uses = 1000
        self._token, self._given = "", 0

    def refusal(self, headers: dict[str, str]) -> tuple[int, Any] | None:
        given = headers.get("authorization")
        if given is None:  # the call for a token
            return None
        self.uses -= 1
        if given != f"Bearer {self._token}" or self.uses < 0:
            self._token = ""
            return 401, {"message": "the token is not valid, or has expired"}
        return None

    def carry_out(self, call: Call) -> tuple[int, Any]:
        if call.template == "/v2/auth/token":
            if call.body != {"identifier": USERNAME, "secret": PASSWORD}:
                return 401, {"detail": "Incorrect authentication credentials"}
            self._given += 1
            self._token, self.uses = f"token-{self._given}", max(self.uses, 1000)
            return 200, {"access_token": self._token}
        if not self._token:
            return 403, {"message": "no token"}
        if (call.names["namespace"], call.names["repository"]) != ("acme", "shop"):
            return 404, {"message": "object not found"}
        return self._list(call) if call.method == "GET" else self._delete(call)

    def _list(self, call: Call) -> tuple[int, Any]:
        size, page = min(call.query.get("page_size", 10), 100), call.query.get("page", 1)
        listed = [tag.as_json() for tag in self.tags.values()]
        following = f"{self.url}/somewhere?page={page + 1}" if len(listed) > page * size else None
        shown = listed[(page - 1) * size : page * size]
        return 200, {"count": len(listed), "next": following, "previous": None, "results": shown}

    def _delete(self, call: Call) -> tuple[int, Any]:
        if not self.may_delete:
            return 403, {"detail": "access to the resource is forbidden with personal access token"}
        if self.tags.pop(call.names["tag"], None) is None:
            return 404, {"message": "tag not found"}
        return 204, None
