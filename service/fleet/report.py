"""The form of a report, checked as a whole before anything is stored."""

import math
import uuid
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

MAX_EVENTS = 1000
MAX_DEPTH = 32
MAX_COMMITS = 50
MAX_BIGINT = 2**63 - 1
MAX_INTEGER = 2**31 - 1
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


def _storable(value: Any, depth: int = 0) -> Any:
    """Refuse what PostgreSQL's jsonb cannot hold: NUL bytes, infinities, endless nesting."""
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("must not contain NUL bytes")
    elif isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError("must not contain numbers that are not finite")
    elif isinstance(value, (dict, list)):
        if depth > MAX_DEPTH:
            raise ValueError(f"must not be nested deeper than {MAX_DEPTH} levels")
        if isinstance(value, dict):
            _storable(list(value), depth)
        for item in value.values() if isinstance(value, dict) else value:
            # Most are short texts and whole numbers: a call for each would be a third of a report's validation.
            if type(item) is not int and (type(item) is not str or "\x00" in item):
                _storable(item, depth + 1)
    return value


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
Text = Annotated[str, AfterValidator(_storable)]
# No control characters, and nothing that turns the direction of the text around it.
Line = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*$")]
Seconds = Annotated[float, Field(ge=0, le=MAX_INTEGER, allow_inf_nan=False)]
Number = Annotated[int, Field(ge=1, le=MAX_INTEGER)]


class Part(BaseModel):
    """Whatever an agent of a later version adds is kept in the event and ignored here."""

    model_config = ConfigDict(strict=True, extra="ignore")


class ReportedRelease(Part):
    """The release that a deployment is about."""

    number: Number
    revision: Annotated[Text, Field(max_length=100)] = ""
    image: Annotated[Text, Field(max_length=512)] = ""
    digest: Annotated[Text, Field(max_length=128)] | None = None
    environment_version: Annotated[int, Field(ge=0, le=MAX_INTEGER)] | None = None


def _unless_wrong(value: Any, check: ValidatorFunctionWrapHandler) -> Any:
    """Leave out what is wrong: commits only adorn the event, which is not refused for them."""
    try:
        return check(value)
    except ValidationError:
        return None


class ReportedCommit(Part):
    """One commit that a deployment brought."""

    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    subject: Annotated[Line, Field(max_length=200)]
    author: Annotated[Line, Field(max_length=100)]
    at: Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")]


class Started(Part):
    """Data of deployment.started; `commits` is None where they were not told, or not in this form."""

    kind: Literal["deploy", "rollback"] = "deploy"
    sequence: Annotated[int, Field(ge=-MAX_BIGINT, le=MAX_BIGINT)] | None = None
    release: ReportedRelease | None = None
    previous: Annotated[int, Field(ge=0, le=MAX_INTEGER)] | None = None
    commits: Annotated[
        Annotated[list[ReportedCommit], Field(max_length=MAX_COMMITS)] | None, WrapValidator(_unless_wrong)
    ] = None
    commits_complete: Annotated[bool | None, WrapValidator(_unless_wrong)] = None


class Step(Part):
    """Data of deployment.step."""

    step: Annotated[Text, Field(min_length=1, max_length=64)]
    state: Literal["started", "done", "skipped", "failed"]
    seconds: Seconds | None = None
    detail: Text | None = None


class Finished(Part):
    """Data of deployment.finished."""

    outcome: Literal["succeeded", "failed", "cancelled", "unchanged", "interrupted"]
    seconds: Seconds | None = None
    error: dict[str, JsonValue] | None = None
    stayed: list[str] | None = None


Details = Started | Step | Finished
DETAILS: dict[str, type[Started] | type[Step] | type[Finished]] = {
    "deployment.started": Started,
    "deployment.step": Step,
    "deployment.finished": Finished,
}


class Event(Part):
    """One event; `app`, `environment` and `deployment` may be left out of kinds that Harbour does not know."""

    sequence: Annotated[int, Field(ge=1, le=MAX_BIGINT)]
    at: Annotated[AwareDatetime, Field(ge=EARLIEST, le=LATEST)]
    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,63}$")]
    app: Name | None = None
    environment: Name | None = None
    deployment: uuid.UUID | None = None
    data: Annotated[dict[str, JsonValue], AfterValidator(_storable)] = Field(default_factory=dict)

    @cached_property
    def details(self) -> Details | None:
        """The typed data of a kind that Harbour knows."""
        form = DETAILS.get(self.kind)
        return form.model_validate(self.data) if form else None

    @property
    def place(self) -> tuple[str, str] | None:
        """App and environment, when both are given."""
        return (self.app, self.environment) if self.app and self.environment else None

    @model_validator(mode="after")
    def _check_details(self) -> Self:
        if self.kind not in DETAILS:
            return self
        if self.place is None or self.deployment is None:
            raise ValueError(f"{self.kind} needs app, environment and deployment")
        try:
            _ = self.details
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = "/".join(map(str, ("data", *first["loc"])))
            raise ValueError(f"{where}: {first['msg']}") from None
        return self


class Report(Part):
    """A batch from one server's outbox; sequence numbers ascend and may have gaps."""

    agent: Annotated[str, Field(pattern=r"^[\x20-\x7e]{0,64}$")] = ""
    events: Annotated[list[Event], Field(min_length=1, max_length=MAX_EVENTS)]

    @model_validator(mode="after")
    def _check_order(self) -> Self:
        numbers = [event.sequence for event in self.events]
        if any(later <= earlier for earlier, later in pairwise(numbers)):
            raise ValueError("sequence numbers must ascend within a report")
        return self


class Receipt(BaseModel):
    """What became of a report."""

    accepted: int = Field(description="events stored now")
    duplicates: int = Field(description="events that were stored before")
    last_sequence: int = Field(description="highest sequence number known from this server")
    gaps: list[Annotated[list[int], Field(min_length=2, max_length=2)]] = Field(
        description="first and last of the sequence numbers below it that never came"
    )
