"""Describes what every operation of the API has in common: problems, caching and rate limits."""

from typing import Any

from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from msgspec.json import schema_components
from typing_extensions import override

from api.description import security as _security  # noqa: F401  # how requests prove who they are
from api.problem_form import ProblemSerializer
from ground.problems import CONTENT_TYPE

Json = dict[str, Any]
PROBLEMS = {
    "400": "The request is not valid; `errors` names each parameter or field",
    "401": "The request does not prove who it comes from",
    "403": "Whoever asks may not do this",
    "404": "There is no such thing, or it is not for whoever asks",
    "406": "Only JSON is answered",
    "413": "The body is too large",
    "415": "Only JSON is taken",
    "429": "Too many requests; `Retry-After` says when to go on",
    "500": "Harbour failed; the request id finds it in the logs",
    "503": "The database does not answer; `Retry-After` says when to try again",
}
WITH_BODY = {"POST", "PUT", "PATCH"}
TEXT: Json = {"type": "string"}
SECONDS: Json = {"description": "seconds to wait", "schema": {"type": "integer", "minimum": 1}, "required": True}
ETAG: Json = {"description": "send it back as If-None-Match", "schema": TEXT}
RATE_LIMIT: Json = {
    "RateLimit": {"description": '`"requests";r=<left>;t=<seconds until it is full again>`', "schema": TEXT},
    "RateLimit-Policy": {"description": '`"requests";q=<requests>;w=<seconds>`', "schema": TEXT},
}
CHALLENGE: Json = {"description": "how to prove it", "schema": TEXT, "required": True}
REQUEST_ID: Json = {"description": "stands in each log line of this request", "schema": TEXT}


class Description(AutoSchema):
    """Adds to each operation the answers that any request can get."""

    @override
    def get_operation(self, *args: Any, **kwargs: Any) -> Json | None:
        """Return the operation with its problems and headers."""
        operation: Json | None = super().get_operation(*args, **kwargs)
        if operation is None:
            return None
        responses = operation["responses"]
        if self.method == "GET":
            responses["304"] = {"description": "Nothing has changed since the answer with this ETag"}
            responses["200"].setdefault("headers", {})["ETag"] = ETAG
        for status in self._statuses():
            if status not in responses:
                responses[status] = self._get_response_for_code(ProblemSerializer, status, [CONTENT_TYPE])
                responses[status]["description"] = PROBLEMS[status]
        self._add_headers(responses)
        operation["responses"] = dict(sorted(responses.items()))
        return operation

    def _statuses(self) -> list[str]:
        left_out = set() if self.method in WITH_BODY else {"413", "415"}
        if "{" not in self.path:
            left_out.add("404")
        return [status for status in PROBLEMS if status not in left_out]

    def _add_headers(self, responses: Json) -> None:
        for status, response in responses.items():
            headers = response.setdefault("headers", {})
            headers.update({"X-Request-ID": REQUEST_ID, **RATE_LIMIT})
            if status in {"429", "503"}:
                headers["Retry-After"] = SECONDS
            if status == "401":
                headers["WWW-Authenticate"] = CHALLENGE


class StructExtension(OpenApiSerializerExtension):
    """Takes a msgspec.Struct where drf-spectacular expects a serializer."""

    target_class = "msgspec.Struct"
    match_subclasses = True

    @override
    def get_name(self, auto_schema: AutoSchema, direction: str) -> str:
        """Return the name of its component."""
        return str(self.target.__name__)

    @override
    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> Json:
        """Return its form; those of its parts become components of their own."""
        _, components = schema_components([self.target], ref_template="#/components/schemas/{name}")
        schema: Json = components.pop(self.target.__name__)
        for name, part in components.items():
            component = ResolvedComponent(name=name, type=ResolvedComponent.SCHEMA, object=name, schema=part)
            auto_schema.registry.register_on_missing(component)
        return schema
