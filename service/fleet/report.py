"""The form of a report, checked as a whole before anything is stored."""

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal

from msgspec import DecodeError, Meta, Raw, Struct, ValidationError, convert, field
from msgspec.json import Decoder

MAX_EVENTS = 1000
MAX_DEPTH = 32
MAX_COMMITS = 50
MAX_BIGINT = 2**63 - 1
MAX_INTEGER = 2**31 - 1
EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
# msgspec tells what is wrong, and where in the same text: "Expected `int` >= 1 - at `$.sequence`".
PLACED = re.compile(r"(?P<detail>.*) - at `(key in )?\$(?P<path>.*)`", re.DOTALL)

# `$` alone would let a line's end follow.
Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,30}(?!\n)$")]
# No control characters, and nothing that turns the direction of the text around it.
LINE = r"^[^\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]*(?!\n)$"
Seconds = Annotated[float, Meta(ge=0, le=MAX_INTEGER)]
Number = Annotated[int, Meta(ge=1, le=MAX_INTEGER)]


class Wrong(ValueError):
    """Something in a report is wrong: where, as the names on the way to it, and what."""

    def __init__(self, where: tuple[str, ...], detail: str) -> None:
        """Take the place and a sentence."""
        super().__init__(detail)
        self.where = where

    @classmethod
    def told(cls, error: ValidationError, *parent: str) -> "Wrong":
        """Take what msgspec says about a thing that stands at `parent`."""
        found = PLACED.fullmatch(str(error))
        if not found:
            return cls(parent, str(error))
        return cls((*parent, *re.findall(r"[^.\[\]]+", found["path"])), found["detail"])


class NotJson(ValueError):
    """The body is no JSON."""


class NotAReport(ValueError):
    """The body is no report; `found` is all that is wrong with it, of each event the first."""

    def __init__(self, found: list[Wrong]) -> None:
        """Take at least one."""
        super().__init__(str(found[0]))
        self.found = found


class Part(Struct):
    """Whatever an agent of a later version adds is kept in the event and ignored here."""


class ReportedRelease(Part):
    """The release that a deployment is about."""

    number: Number
    revision: Annotated[str, Meta(max_length=100)] = ""
    image: Annotated[str, Meta(max_length=512)] = ""
    digest: Annotated[str, Meta(max_length=128)] | None = None
    environment_version: Annotated[int, Meta(ge=0, le=MAX_INTEGER)] | None = None


class ReportedCommit(Part):
    """One commit that a deployment brought."""

    revision: Annotated[str, Meta(pattern=r"^[0-9a-f]{40}(?!\n)$")]
    subject: Annotated[str, Meta(pattern=LINE, max_length=200)]
    author: Annotated[str, Meta(pattern=LINE, max_length=100)]
    at: Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z(?!\n)$")]


class Started(Part):
    """Data of deployment.started.

    `commits` (as `list[ReportedCommit]`) and `commits_complete` are None where they were not told, or not in this
    form: they only adorn the event, which is not refused for them.
    """

    kind: Literal["deploy", "rollback"] = "deploy"
    sequence: Annotated[int, Meta(ge=-MAX_BIGINT, le=MAX_BIGINT)] | None = None
    release: ReportedRelease | None = None
    previous: Annotated[int, Meta(ge=0, le=MAX_INTEGER)] | None = None
    commits: Any = None
    commits_complete: Any = None

    def __post_init__(self) -> None:
        """Leave out what is wrong."""
        try:
            self.commits = convert(self.commits, Annotated[list[ReportedCommit], Meta(max_length=MAX_COMMITS)] | None)
        except ValidationError:
            self.commits = None
        if not isinstance(self.commits_complete, bool):
            self.commits_complete = None


class Step(Part):
    """Data of deployment.step."""

    step: Annotated[str, Meta(min_length=1, max_length=64)]
    state: Literal["started", "done", "skipped", "failed"]
    seconds: Seconds | None = None
    detail: str | None = None


class Finished(Part):
    """Data of deployment.finished."""

    outcome: Literal["succeeded", "failed", "cancelled", "unchanged", "interrupted"]
    seconds: Seconds | None = None
    downtime: Seconds | None = None
    error: dict[str, Any] | None = None
    stayed: list[str] | None = None


class ReportedNotice(Part):
    """Data of notice: what a person should know about an app or a part of the server, until it is told as ended.

    A notice is known by its server, `code` and `subject`; told again, it is the same one as it is now.
    """

    code: Annotated[str, Meta(pattern=LINE, min_length=1, max_length=100)]
    subject: Annotated[str, Meta(pattern=LINE, max_length=200)]
    severity: Literal["info", "warning", "critical"]
    since: Annotated[datetime, Meta(tz=True)]
    message: Annotated[str, Meta(max_length=2000)] = ""
    next: Annotated[str, Meta(max_length=500)] = ""
    ended: bool = False

    def __post_init__(self) -> None:
        """Refuse a time that the database can't hold in any zone. Raises ValueError."""
        if not EARLIEST <= self.since <= LATEST:
            raise ValueError(f"Expected `since` between {EARLIEST.year} and {LATEST.year}")


OfDeployment = Started | Step | Finished
Details = OfDeployment | ReportedNotice
DETAILS: dict[str, type[Started] | type[Step] | type[Finished] | type[ReportedNotice]] = {
    "deployment.started": Started,
    "deployment.step": Step,
    "deployment.finished": Finished,
    "notice": ReportedNotice,
}


class Event(Part, dict=True):
    """One event; `app`, `environment` and `deployment` may be left out of kinds that are not about a deployment."""

    sequence: Annotated[int, Meta(ge=1, le=MAX_BIGINT)]
    at: Annotated[datetime, Meta(tz=True)]
    kind: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9._-]{0,63}(?!\n)$")]
    app: Name | None = None
    environment: Name | None = None
    deployment: uuid.UUID | None = None
    data: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def details(self) -> Details | None:
        """The typed data of a kind that Harbour knows."""
        form = DETAILS.get(self.kind)
        return convert(self.data, form) if form else None

    @property
    def place(self) -> tuple[str, str] | None:
        """App and environment, when both are given."""
        return (self.app, self.environment) if self.app and self.environment else None

    def check(self) -> None:
        """Refuse what its form alone does not. Raises Wrong."""
        if not EARLIEST <= self.at <= LATEST:
            raise Wrong(("at",), f"Expected a time between {EARLIEST.year} and {LATEST.year}")
        if problem := _unstorable(self.data):
            raise Wrong(("data",), problem)
        try:
            details = self.details
        except ValidationError as error:
            raise Wrong.told(error, "data") from None
        if isinstance(details, OfDeployment) and (self.place is None or self.deployment is None):
            raise Wrong((), f"{self.kind} needs app, environment and deployment")


class Report(Part):
    """A batch from one server's outbox; sequence numbers ascend and may have gaps."""

    events: Annotated[list[Event], Meta(min_length=1, max_length=MAX_EVENTS)]
    agent: Annotated[str, Meta(pattern=r"^[\x20-\x7e]{0,64}(?!\n)$")] = ""


class Receipt(Struct):
    """What became of a report."""

    accepted: Annotated[int, Meta(description="events stored now")]
    duplicates: Annotated[int, Meta(description="events that were stored before")]
    last_sequence: Annotated[int, Meta(description="highest sequence number known from this server")]
    gaps: Annotated[
        list[Annotated[list[int], Meta(min_length=2, max_length=2)]],
        Meta(description="first and last of the sequence numbers below it that never came"),
    ]


class Envelope(Part):
    """A report whose events are not read yet: each is read by itself, so that each can be told what is wrong."""

    events: Annotated[list[Raw], Meta(min_length=1, max_length=MAX_EVENTS)]
    agent: Annotated[str, Meta(pattern=r"^[\x20-\x7e]{0,64}(?!\n)$")] = ""


ENVELOPE, EVENT = Decoder(Envelope), Decoder(Event)


def read(body: bytes) -> Report:
    """Read a report. Raises NotJson, NotAReport."""
    try:
        envelope = ENVELOPE.decode(body)
        found = [_event(raw, str(index)) for index, raw in enumerate(envelope.events)]
    except ValidationError as error:
        raise NotAReport([Wrong.told(error)]) from None
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotJson(str(error)) from None
    wrong = [one for one in found if isinstance(one, Wrong)]
    events = [one for one in found if isinstance(one, Event)]
    if not wrong and any(later.sequence <= earlier.sequence for earlier, later in pairwise(events)):
        wrong = [Wrong((), "sequence numbers must ascend within a report")]
    if wrong:
        raise NotAReport(wrong)
    return Report(events=events, agent=envelope.agent)


def _event(raw: Raw, index: str) -> Event | Wrong:
    try:
        event = EVENT.decode(raw)
        event.check()
    except ValidationError as error:
        return Wrong.told(error, "events", index)
    except Wrong as wrong:
        return Wrong(("events", index, *wrong.where), str(wrong))
    return event


def _unstorable(value: Any, depth: int = 0) -> str:
    """Say what PostgreSQL's jsonb cannot hold: NUL bytes, endless nesting; '' when it can."""
    if isinstance(value, str):
        return "must not contain NUL bytes" if "\x00" in value else ""
    if not isinstance(value, (dict, list)):
        return ""
    if depth > MAX_DEPTH:
        return f"must not be nested deeper than {MAX_DEPTH} levels"
    return next(filter(None, (_unstorable(item, depth + 1) for item in _parts(value))), "")


def _parts(value: dict[str, Any] | list[Any]) -> Iterator[Any]:
    """What has to be looked at: most are short texts and numbers, and a call for each would take longest of all."""
    for items in (value, value.values()) if isinstance(value, dict) else (value,):
        for item in items:
            if (type(item) is str and "\x00" in item) or isinstance(item, (dict, list)):
                yield item
