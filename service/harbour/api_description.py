"""Describes what every operation of the API has in common: problems, caching and rate limits."""

from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers
from typing_extensions import override

from harbour.problems import CONTENT_TYPE

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


class ProblemErrorSerializer(serializers.Serializer[dict[str, str]]):
    """What is wrong with one part of the request."""

    parameter = serializers.CharField(required=False, help_text="name of the query parameter")
    pointer = serializers.CharField(required=False, help_text="JSON pointer into the body, as a fragment")
    detail = serializers.CharField()


@extend_schema_serializer(
    examples=[
        OpenApiExample(
            "a parameter that does not exist",
            {
                "type": "about:blank",
                "title": "Bad Request",
                "status": 400,
                "detail": "The request is not valid",
                "instance": "/api/v1/deployments/",
                "request_id": "8f14e45fceea467f9a8c",
                "errors": [{"parameter": "outcom", "detail": "There is no such parameter"}],
            },
            media_type=CONTENT_TYPE,
            status_codes=["400"],
        )
    ]
)
class ProblemSerializer(serializers.Serializer[Json]):
    """Problem details (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()  # type: ignore[assignment]  # a field, as the metaclass sees it
    request_id = serializers.CharField(allow_null=True)
    errors = ProblemErrorSerializer(many=True, required=False)  # type: ignore[assignment]  # likewise


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
