"""The endpoint that agents report to."""

from collections.abc import Mapping
from typing import IO, Any, cast

from django.conf import settings
from drf_spectacular.utils import extend_schema
from pydantic import ValidationError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from typing_extensions import override

from fleet.access import IsServer, ServerTokenAuthentication
from fleet.models import ServerToken
from fleet.recording import ForeignDeployment, record
from fleet.report import Receipt, Report
from fleet.serializers import PROBLEM
from harbour.problems import Problem

SHOWN_ERRORS = 20
PROBLEMS = {(status, "application/problem+json"): PROBLEM for status in (400, 401, 409, 413, 415, 422)}


class ReportParser(BaseParser):
    """Reads the whole report in one pass: JSON, types and rules."""

    media_type = "application/json"

    @override
    def parse(  # type: ignore[override]  # a report instead of a mapping
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Report:
        """Return the report, or say what is wrong: 413 too large, 400 not JSON, 422 not a report."""
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise Problem(413, f"A report has at most {limit} bytes")
        try:
            return Report.model_validate_json(body)
        except ValidationError as error:
            raise _refusal(error) from None


def _refusal(error: ValidationError) -> Problem:
    found = error.errors(include_url=False, include_input=False, include_context=False)
    if found[0]["type"] == "json_invalid":
        return Problem(400, found[0]["msg"])
    errors = [
        {"pointer": "#" + "".join(f"/{part}" for part in item["loc"]), "detail": item["msg"]}
        for item in found[:SHOWN_ERRORS]
    ]
    return Problem(
        422, f"The report has {len(found)} problem{'s' if len(found) > 1 else ''}; nothing was stored", errors
    )


class ReportView(APIView):
    """Takes reports from servers."""

    authentication_classes = (ServerTokenAuthentication,)
    permission_classes = (IsServer,)
    parser_classes = (ReportParser,)

    @extend_schema(
        operation_id="reports_create",
        request=Report,
        responses={200: Receipt, **PROBLEMS},
        description="Stores a batch of 1 to 1000 events, all or nothing. Sending it again changes nothing: "
        "an event is known by its server and its sequence number.",
    )
    def post(self, request: Request) -> Response:
        """Store a report."""
        token = cast("ServerToken", request.auth)
        report: object = request.data
        if not isinstance(report, Report):
            # An empty body never reaches the parser.
            raise Problem(400, "The request has no body")
        try:
            receipt = record(token.server, report)
        except ForeignDeployment:
            detail = "A deployment in the report is known from elsewhere; nothing was stored"
            raise Problem(409, detail) from None
        return Response(receipt.model_dump())
