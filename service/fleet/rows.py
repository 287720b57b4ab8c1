"""Rows of events and deployments, asked and written in bulk: one statement each, whatever the size of a report."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db import connection

from fleet.models import Deployment, DeploymentEvent, Environment
from fleet.report import Event

TABLE = DeploymentEvent._meta.db_table
KNOWN = f"SELECT sequence FROM {TABLE} WHERE server_id = %s AND sequence = ANY(%s::bigint[])"  # noqa: S608
# One JSON text travels and is taken apart in PostgreSQL; a parameter for each value costs three times as much.
INSERT = f"""
INSERT INTO {TABLE} (server_id, received_at, sequence, at, kind, environment_id, deployment_id, data)
SELECT %s, %s, sequence, at, kind, environment, deployment, data
FROM json_to_recordset(%s::json) AS event (
    sequence bigint, at timestamptz, kind text, environment bigint, deployment uuid, data jsonb)
"""  # noqa: S608

DEPLOYMENTS = Deployment._meta.db_table
# What reports tell. What people write, the note, is theirs.
TOLD = [
    *["release_id", "kind", "sequence", "previous", "outcome", "started_at", "finished_at", "seconds", "downtime"],
    *["steps", "error", "stayed", "commits", "commits_complete"],
]
UPSERT = f"""
INSERT INTO {DEPLOYMENTS} (id, environment_id, note, {", ".join(TOLD)})
SELECT id, environment_id, '', {", ".join(TOLD)} FROM json_populate_recordset(NULL::{DEPLOYMENTS}, %s::json)
ON CONFLICT (id) DO UPDATE SET {", ".join(f"{column} = EXCLUDED.{column}" for column in TOLD)}
WHERE {DEPLOYMENTS}.environment_id = EXCLUDED.environment_id
"""  # noqa: S608


def known_sequences(server: int, sequences: Sequence[int]) -> set[int]:
    """Return which of these sequence numbers of a server are stored."""
    with connection.cursor() as cursor:
        cursor.execute(KNOWN, [server, list(sequences)])
        return {number for (number,) in cursor.fetchall()}


def insert_events(
    server: int,
    events: Sequence[Event],
    environments: Mapping[tuple[str, str], Environment],
    deployments: Mapping[UUID, object],
    now: datetime,
) -> None:
    """Store events that are new; one about a deployment that nobody has begun is stored without it."""
    rows = [
        {
            "sequence": event.sequence,
            "at": event.at,
            "kind": event.kind,
            "environment": environments[event.place].pk if event.place else None,
            "deployment": event.deployment if event.deployment in deployments else None,
            "data": event.data,
        }
        for event in events
    ]
    with connection.cursor() as cursor:
        cursor.execute(INSERT, [server, now, _text(rows)])


def upsert_deployments(deployments: Sequence[Deployment]) -> int:
    """Store deployments as they now are; return how many were: one of another environment is left as it is."""
    rows = [{name: getattr(one, name) for name in ("id", "environment_id", *TOLD)} for one in deployments]
    with connection.cursor() as cursor:
        cursor.execute(UPSERT, [_text(rows)])
        stored: int = cursor.rowcount
    return stored


def _text(rows: list[dict[str, Any]]) -> str:
    try:
        return orjson.dumps(rows).decode()
    except TypeError:
        # Whole numbers beyond 64 bits: rare, and orjson refuses them.
        return json.dumps(rows, default=str)
