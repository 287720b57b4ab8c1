"""Examples in the API's description."""

from typing import Any

from drf_spectacular.utils import OpenApiExample

PLACE = {"app": "shop-api", "environment": "production", "server": "vps-1.example.com"}
DIGEST = "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
IMAGE: dict[str, Any] = {
    "number": 14,
    "revision": "4b227777d4dd1fc61c6f884f48641d02b4d121d3",
    "image": "example/shop-api",
    "digest": DIGEST,
}
BEGIN, END = "2026-11-23T08:00:00Z", "2026-11-23T08:00:08.312000Z"
EVENT_VALUE: dict[str, Any] = {
    "id": 93021,
    "server": "vps-1.example.com",
    "sequence": 4410,
    "at": BEGIN,
    "received_at": "2026-11-23T08:00:00.204000Z",
    "kind": "deployment.step",
    "app": "shop-api",
    "environment": "production",
    "deployment": "018f3c1e-7a52-7c1d-9f65-0a1b2c3d4e5f",
    "data": {"step": "pull", "state": "done", "seconds": 2.1},
}
ENVIRONMENT_VALUE = {"id": 7, **PLACE, "release": {"id": 311, **IMAGE}, "serving_since": END}
SPARSE: dict[str, Any] = {
    "id": "018f3c1e-7a52-7c1d-9f65-0a1b2c3d4e5f",
    **PLACE,
    "kind": "deploy",
    "sequence": 414,
    "previous": 13,
    "outcome": "succeeded",
    "started_at": BEGIN,
    "finished_at": END,
    "seconds": 8.312,
    "downtime": None,
    "release": {"id": 311, **IMAGE},
}
WHOLE: dict[str, Any] = SPARSE | {
    "steps": [{"step": "pull", "state": "done", "started_at": BEGIN, "seconds": 2.1, "detail": ""}],
    "error": None,
    "stayed": [],
    "commits": [
        {
            "revision": "02f5b7277a7ff4546303dfc7d84f2195abd66506",
            "subject": "Show the price with its tax",
            "author": "Ada",
            "at": "2026-11-23T07:41:09Z",
        },
    ],
    "commits_complete": True,
    "note": "Brought the new checkout.",
    "noted_at": "2026-11-23T09:12:00Z",
    "noted_by": {"email": "ada@example.com", "name": "Ada"},
}


def _answer(name: str, value: dict[str, Any]) -> OpenApiExample:
    return OpenApiExample(name, value, response_only=True)


def _request(name: str, value: dict[str, Any]) -> OpenApiExample:
    return OpenApiExample(name, value, request_only=True)


APP = _answer(
    "an app",
    {
        "name": "shop-api",
        "description": "What the shop's pages talk to",
        "repository": "https://git.example.com/shop/api",
        "created_at": "2026-01-05T10:00:00Z",
        "environments": [ENVIRONMENT_VALUE],
    },
)
APP_CHANGE = _request("another description", {"description": "What the shop's pages talk to"})
SERVER = _answer(
    "a server",
    {
        "name": "vps-1.example.com",
        "agent": "0.2.0",
        "created_at": "2026-01-05T10:00:00Z",
        "last_reported_at": END,
        "last_sequence": 4418,
        "gaps": [[17, 19]],
        "environments": [ENVIRONMENT_VALUE],
    },
)
SERVER_CREATION = _request("a server", {"name": "vps-2.example.com"})
ENVIRONMENT = _answer("an environment", ENVIRONMENT_VALUE)
RELEASE = _answer("a release", {"id": 311, **PLACE, **IMAGE, "environment_version": 3, "created_at": BEGIN})
DEPLOYMENT = _answer("a deployment", WHOLE)
DEPLOYMENT_ITEM = _answer("a deployment in a list", SPARSE)
NOTE = _request("a note", {"note": "Brought the new checkout."})
EVENT = _answer("an event", EVENT_VALUE)
NOTICE = _answer(
    "a notice",
    {
        "id": 5,
        **PLACE,
        "code": "certificate-expires",
        "subject": "shop-api.production",
        "severity": "warning",
        "message": "The certificate of shop.example.com ends in 9 days, and could not be renewed",
        "next": "Look at `ferryman doctor`",
        "since": BEGIN,
        "told_at": END,
        "ended_at": None,
    },
)
