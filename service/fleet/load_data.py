"""A large fleet made by the database itself: to measure with, never to look at."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from fleet.models import DeploymentEvent, Server

EVENTS = DeploymentEvent._meta.db_table

FLEET = """
INSERT INTO fleet_server (name, agent, created_at, last_sequence, gaps)
SELECT format('load-%%s.example.com', to_char(s, 'FM0000')), '0.1.0', now() - interval '1 year', 0, '[]'
FROM generate_series(1, %(servers)s) s;

INSERT INTO fleet_app (name, description, repository, created_at)
SELECT format('load-%%s', to_char(a, 'FM0000')), '', '', now() - interval '1 year'
FROM generate_series(1, %(apps)s) a;

-- An app has production on one to three servers; every second one has staging too.
INSERT INTO fleet_environment (app_id, server_id, name)
SELECT app.id, server.id, place.name
FROM (SELECT id, row_number() OVER (ORDER BY id) AS a FROM fleet_app) app
CROSS JOIN (VALUES ('production', 0), ('production', 1), ('production', 2), ('staging', 3)) place (name, copy)
JOIN (SELECT id, row_number() OVER (ORDER BY id) AS s FROM fleet_server) server
  ON server.s = 1 + (app.a * 7 + place.copy) %% %(servers)s
WHERE (place.name = 'production' AND place.copy <= app.a %% 3) OR (place.name = 'staging' AND app.a %% 2 = 0)
ON CONFLICT DO NOTHING;
"""

# Of three environments one has most of the deployments, as fleets have it.
PLAN = """
CREATE TEMPORARY TABLE plan ON COMMIT DROP AS
WITH place AS (
    SELECT id, server_id, row_number() OVER (ORDER BY md5(id::text)) - 1 AS p, count(*) OVER () AS places
    FROM fleet_environment
), run AS MATERIALIZED (
    SELECT n, md5('load' || n)::uuid AS id, power(random(), 3) AS where_,  random() AS how, 0.5 + random() AS pace,
           now() - interval '1 year' * ((%(deployments)s - n + random()) / %(deployments)s) AS started_at
    FROM generate_series(1, %(deployments)s) n
)
SELECT n, run.id, place.id AS environment_id, server_id, pace, started_at,
       CASE WHEN n > %(deployments)s - 3 THEN '' WHEN how < 0.88 THEN 'succeeded' WHEN how < 0.94 THEN 'failed'
            WHEN how < 0.96 THEN 'cancelled' WHEN how < 0.99 THEN 'unchanged' ELSE 'interrupted' END AS outcome,
       CASE WHEN n %% 25 = 0 THEN 'rollback' ELSE 'deploy' END AS kind,
       row_number() OVER (PARTITION BY place.id ORDER BY n) AS number
FROM run JOIN place ON p = floor(where_ * places);
ANALYZE plan;
"""

DEPLOYMENTS = """
INSERT INTO fleet_release (environment_id, number, revision, image, digest, environment_version, created_at)
SELECT environment_id, number, md5(id::text) || substr(md5(n::text), 1, 8), 'example/load',
       'sha256:' || md5(id::text) || md5(n::text), 1, started_at
FROM plan WHERE kind = 'deploy' ORDER BY n;

INSERT INTO fleet_deployment (id, environment_id, release_id, kind, sequence, previous, outcome, started_at,
                              finished_at, seconds, steps, error, stayed, commits, note)
SELECT plan.id, plan.environment_id, release.id, plan.kind, plan.n, nullif(plan.number - 1, 0), outcome, started_at,
       CASE WHEN outcome <> '' THEN started_at + interval '9 seconds' * pace END,
       CASE WHEN outcome <> '' THEN round((9 * pace)::numeric, 3) END,
       (SELECT jsonb_agg(jsonb_build_object(
                   'step', step, 'state', 'done', 'detail', '', 'seconds', round((0.7 * pace)::numeric, 3),
                   'started_at', to_char(started_at + interval '0.75 seconds' * pace * (s - 1),
                                         'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')) ORDER BY s)
        FROM unnest(%(steps)s::text[]) WITH ORDINALITY step (step, s)),
       CASE outcome WHEN 'failed' THEN '{"code": "crashed", "message": "web exited with 1", "exit_code": 1,
            "log": ["KeyError: ''PAYMENT_URL''"], "http_status": null, "http_body": ""}'::jsonb END,
       '[]', '[]', ''
FROM plan LEFT JOIN fleet_release release USING (environment_id, number) ORDER BY n;

UPDATE fleet_environment environment SET release_id = served.release_id, serving_since = served.finished_at
FROM (SELECT DISTINCT ON (environment_id) environment_id, release_id, finished_at FROM fleet_deployment
      WHERE outcome = 'succeeded' AND release_id IS NOT NULL ORDER BY environment_id, started_at DESC) served
WHERE served.environment_id = environment.id;
"""

# A deployment tells 26 events; the others are its server's figures. Rows go in as time goes on.
DEPLOYMENT_EVENTS = """
INSERT INTO fleet_deploymentevent (server_id, sequence, at, received_at, kind, environment_id, deployment_id, data)
SELECT server_id, row_number() OVER (PARTITION BY server_id ORDER BY i), at, at + interval '0.4 seconds',
       CASE WHEN j = 1 THEN 'deployment.started' WHEN j <= 25 THEN 'deployment.step'
            WHEN j = 26 THEN 'deployment.finished' ELSE 'host.figures' END,
       CASE WHEN j <= 26 THEN environment_id END, CASE WHEN j <= 26 THEN id END,
       CASE WHEN j = 1 THEN jsonb_build_object('kind', kind, 'sequence', n, 'previous', nullif(number - 1, 0),
                'release', jsonb_build_object('number', number, 'revision', md5(id::text), 'image', 'example/load',
                                              'digest', 'sha256:' || md5(n::text), 'environment_version', 1))
            WHEN j <= 25 AND j %% 2 = 0 THEN jsonb_build_object('step', (%(steps)s::text[])[j / 2], 'state', 'started')
            WHEN j <= 25 THEN jsonb_build_object('step', (%(steps)s::text[])[j / 2], 'state', 'done', 'seconds', 0.7)
            WHEN j = 26 THEN jsonb_build_object('outcome', coalesce(nullif(outcome, ''), 'failed'), 'seconds', 9)
            ELSE jsonb_build_object('load', 0.25, 'memory_percent', 41, 'disk_percent', 57) END
FROM (SELECT i, plan.*, i - row_first + 1 AS j, started_at + interval '0.35 seconds' * (i - row_first) AS at
      FROM (SELECT i, (i - 1) * %(deployments)s / %(events)s + 1 AS n,
                   min(i) OVER (PARTITION BY (i - 1) * %(deployments)s / %(events)s) AS row_first
            FROM generate_series(1, %(events)s::bigint) i) told
      JOIN plan USING (n)) event
ORDER BY i;

UPDATE fleet_server server SET last_sequence = told.last, last_reported_at = told.at
FROM (SELECT server_id, max(sequence) AS last, max(received_at) AS at FROM fleet_deploymentevent GROUP BY 1) told
WHERE told.server_id = server.id;
"""
STEPS = [
    *["preflight", "make room", "pull", "database", "start web", "healthy", "commit", "switch", "drain"],
    *["stop old", "other roles", "retain"],
]


class NotEmpty(Exception):
    """The database holds a fleet already."""


@dataclass(frozen=True)
class Size:
    """How much is made."""

    deployments: int = 100_000
    events: int = 5_000_000
    apps: int = 50
    servers: int = 20


def generate(size: Size, tell: Callable[[str], None]) -> None:
    """Fill an empty database; the same size always gives the same fleet, its clock apart. Raises NotEmpty."""
    if Server.objects.exists():
        raise NotEmpty
    values = {**vars(size), "steps": STEPS}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '256MB'; SET LOCAL maintenance_work_mem = '512MB'; SELECT setseed(0.5)")
        for title, statements in (("fleet", FLEET), ("plan", PLAN), ("deployments", DEPLOYMENTS)):
            tell(title)
            _run(cursor, statements, values)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        tell("events")
        with _bare(cursor, tell):
            _run(cursor, DEPLOYMENT_EVENTS, values)
    with connection.cursor() as cursor:
        tell("statistics")
        cursor.execute("VACUUM (ANALYZE)")


def _run(cursor: CursorWrapper, statements: str, values: dict[str, Any]) -> None:
    for statement in statements.split(";\n"):
        if statement.strip():
            cursor.execute(statement, values)


@contextmanager
def _bare(cursor: CursorWrapper, tell: Callable[[str], None]) -> Iterator[None]:
    """Take the events' indexes and foreign keys away, and build them anew at the end: row by row takes far longer."""
    cursor.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype <> 'p'"
        " ORDER BY contype DESC",
        [EVENTS],
    )
    constraints = [row for row in cursor.fetchall() if not row[1].startswith("NOT NULL")]
    for name, _ in constraints:
        cursor.execute(f'ALTER TABLE {EVENTS} DROP CONSTRAINT "{name}"')
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = %s::regclass AND NOT indisprimary",
        [EVENTS],
    )
    indexes = cursor.fetchall()
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield
    tell("indexes")
    for _, definition in indexes:
        cursor.execute(definition)
    for name, definition in constraints:
        cursor.execute(f'ALTER TABLE {EVENTS} ADD CONSTRAINT "{name}" {definition}')
