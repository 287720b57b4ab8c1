"""The form of a problem (RFC 9457), for the API's description."""

from typing import Any

from drf_spectacular.utils import OpenApiExample, extend_schema_serializer
from rest_framework import serializers

from ground.problems import CONTENT_TYPE


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
class ProblemSerializer(serializers.Serializer[dict[str, Any]]):
    """Problem details (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()  # type: ignore[assignment]  # a field, as the metaclass sees it
    request_id = serializers.CharField(allow_null=True)
    errors = ProblemErrorSerializer(many=True, required=False)  # type: ignore[assignment]  # likewise
