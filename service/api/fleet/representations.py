"""The lists that grow, read as rows: a request chooses its fields, and only their columns are fetched.

Columns that hold JSON are answered as they are stored. Nothing is done per row but to put it together.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from rest_framework.request import Request

from ground.problems import Problem

Row = dict[str, Any]
Rows = list[Row]
PLACE = {"app": "environment__app__name", "environment": "environment__name", "server": "environment__server__name"}
RELEASE = {
    "id": "release_id",
    "number": "release__number",
    "revision": "release__revision",
    "image": "release__image",
    "digest": "release__digest",
}


@dataclass(frozen=True)
class Representation:
    """What a resource answers: each field's column, or the columns of an object nested in it.

    A nested object is null when its first column is. `expandable` fields are in the list only when asked for.
    `position` is the column that pages are cut by.
    """

    fields: Mapping[str, str | Mapping[str, str]]
    expandable: frozenset[str] = frozenset()
    position: str = "id"

    def chosen(self, request: Request) -> list[str]:
        """Return the fields that `fields` and `expand` of the query choose. Raises Problem 400."""
        expand = self._names(request, "expand", self.expandable)
        only = self._names(request, "fields", frozenset(self.fields))
        usual = only or (frozenset(self.fields) - self.expandable)
        return [name for name in self.fields if name in usual or name in expand]

    def _names(self, request: Request, parameter: str, known: frozenset[str]) -> frozenset[str]:
        names = frozenset(name for name in request.query_params.get(parameter, "").split(",") if name)
        if unknown := sorted(names - known):
            detail = f"Unknown: {', '.join(unknown)}. Known: {', '.join(name for name in self.fields if name in known)}"
            raise Problem(400, "The request is not valid", [{"parameter": parameter, "detail": detail}])
        return names

    def values(self, queryset: QuerySet[Any], names: list[str]) -> QuerySet[Any, Row]:
        """Return the queryset fetching only the columns of these fields, and what pages are cut by."""
        columns = {self.position}
        for name in names:
            column = self.fields[name]
            columns.update([column] if isinstance(column, str) else column.values())
        return queryset.values(*sorted(columns))

    def shape(self, rows: Rows, names: list[str]) -> Rows:
        """Return the rows as they are answered."""
        flat = [(name, column) for name in names if isinstance(column := self.fields[name], str)]
        nested = [(name, column) for name in names if not isinstance(column := self.fields[name], str)]
        shaped = []
        for row in rows:
            answer = {name: row[column] for name, column in flat}
            for name, columns in nested:
                answer[name] = _nest(row, columns)
            shaped.append(answer)
        return shaped


def _nest(row: Row, columns: Mapping[str, str]) -> Row | None:
    values = {name: row[column] for name, column in columns.items()}
    return values if next(iter(values.values())) is not None else None


RELEASES = Representation(
    {
        "id": "id",
        **PLACE,
        **{name: name for name in ("number", "revision", "image", "digest", "environment_version", "created_at")},
    }
)
LARGE = ("steps", "error", "stayed", "commits", "commits_complete", "note", "noted_at")
DEPLOYMENTS = Representation(
    {
        "id": "id",
        **PLACE,
        **{name: name for name in ("kind", "sequence", "previous", "outcome", "started_at", "finished_at")},
        **{name: name for name in ("seconds", "downtime")},
        "release": RELEASE,
        **{name: name for name in LARGE},
        "noted_by": {"email": "noted_by__email", "name": "noted_by__name"},
    },
    frozenset({*LARGE, "noted_by"}),
    "started_at",
)
EVENTS = Representation(
    {
        "id": "id",
        "server": "server__name",
        **{name: name for name in ("sequence", "at", "received_at", "kind")},
        "app": PLACE["app"],
        "environment": PLACE["environment"],
        "deployment": "deployment_id",
        "data": "data",
    }
)
