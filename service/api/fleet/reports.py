"""The endpoint that agents report to."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any, cast

from django.conf import settings
from drf_spectacular.utils import extend_schema
from msgspec.structs import asdict
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from typing_extensions import override

from access.models import Token
from access.requests.authentication import TokenAuthentication
from access.requests.permissions import IsServer
from api.problem_form import ProblemSerializer
from api.resources import CheckedQuery
from fleet.models import Server
from fleet.recording import ForeignDeployment, record
from fleet.report import NotAReport, NotJson, Receipt, Report, read
from ground.problems import CONTENT_TYPE, Problem
from ground.telemetry.metrics import count_report

SHOWN_ERRORS = 20
DETAIL_CHARACTERS = 300  # it may quote what was sent
# A thousand events take megabytes until they are stored: each worker does one such report at a time.
LARGE_BYTES = 64 * 1024
TURN_SECONDS = 1.0
TURN = threading.BoundedSemaphore()
PROBLEMS = {(status, CONTENT_TYPE): ProblemSerializer for status in (400, 401, 408, 409, 413, 415, 422)}


class ReportParser(BaseParser):
    """Takes the report as it came: `_report` reads it, when it is its turn."""

    media_type = "application/json"

    @override
    def parse(  # type: ignore[override]  # bytes instead of a mapping
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> bytes:
        """Return the body; 413 when it is too large."""
        limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        body = stream.read(limit + 1)
        if len(body) > limit:
            raise Problem(413, f"A report has at most {limit} bytes")
        return cast("bytes", body)


def _report(body: bytes) -> Report:
    """Read the whole report, or say what is wrong: 400 not JSON, 422 not a report."""
    try:
        return read(body)
    except NotJson as error:
        raise Problem(400, str(error)) from None
    except NotAReport as error:
        raise _refusal(error) from None


@contextmanager
def _in_turn(size: int) -> Iterator[None]:
    """Hold a large report until those before it are stored, but not for long: the order matters to memory alone."""
    is_held = size > LARGE_BYTES and TURN.acquire(timeout=TURN_SECONDS)
    try:
        yield
    finally:
        if is_held:
            TURN.release()


def _refusal(error: NotAReport) -> Problem:
    count = len(error.found)
    errors = [
        {"pointer": "#" + "".join(f"/{part}" for part in wrong.where), "detail": str(wrong)[:DETAIL_CHARACTERS]}
        for wrong in error.found[:SHOWN_ERRORS]
    ]
    return Problem(422, f"The report has {count} problem{'s' if count > 1 else ''}; nothing was stored", errors)


class ReportView(CheckedQuery, APIView):
    """Takes reports from servers."""

    authentication_classes = (TokenAuthentication,)
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
        server = cast("Server", cast("Token", request.auth).server)
        body: object = request.data
        if not isinstance(body, bytes):
            # An empty body never reaches the parser.
            raise Problem(400, "The request has no body")
        with _in_turn(len(body)):
            try:
                receipt = record(server, _report(body))
            except ForeignDeployment:
                detail = "A deployment in the report is known from elsewhere; nothing was stored"
                raise Problem(409, detail) from None
        count_report(receipt.accepted, receipt.duplicates)
        return Response(asdict(receipt))
