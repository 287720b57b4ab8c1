"""The ledger's tables and its format version."""

from __future__ import annotations

import sqlite3

from ferryman_agent.errors import Unavailable
from ferryman_agent.ledger.faults import GOES_ON, try_write

FORMAT = 3
PRAGMAS = ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "cache_size = -256")

_NEW_IN_2 = """
CREATE TABLE accessory (
    app TEXT NOT NULL REFERENCES app(id),
    name TEXT NOT NULL,
    address INTEGER NOT NULL,           -- last octet in the app's network
    definition TEXT NOT NULL,           -- JSON object, the manifest's, that it was last made of
    environment_version INTEGER NOT NULL,
    release INTEGER NOT NULL,           -- whose definition that is
    turn INTEGER NOT NULL,              -- how often it was replaced
    is_committed INTEGER NOT NULL,
    PRIMARY KEY (app, name)
);
CREATE TABLE run (
    app TEXT NOT NULL REFERENCES app(id),
    schedule TEXT NOT NULL,
    number INTEGER NOT NULL,            -- counted for each schedule
    release INTEGER NOT NULL,
    by_hand INTEGER NOT NULL,
    state TEXT NOT NULL,                -- running, succeeded, failed, timed-out, stopped, lost
    started_at TEXT NOT NULL,
    seconds REAL,
    exit_code INTEGER,
    skipped INTEGER NOT NULL DEFAULT 0, -- times that came while it was under way
    log TEXT NOT NULL DEFAULT '[]',     -- JSON list, the last lines of one that failed
    PRIMARY KEY (app, schedule, number)
);
"""
_NEW_IN_3 = """
CREATE TABLE notice (
    code TEXT NOT NULL,
    subject TEXT NOT NULL,              -- an app's id, or a part of the server
    message TEXT NOT NULL,
    severity TEXT NOT NULL,             -- info, warning, critical
    next TEXT NOT NULL,                 -- what to do about it
    since TEXT NOT NULL,
    PRIMARY KEY (code, subject)
);
"""
_DEGRADED_BEFORE_3 = """
INSERT INTO notice (code, subject, message, severity, next, since)
    SELECT 'app-degraded', id, degraded, 'warning', 'ferryman status', strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    FROM app WHERE degraded != '';
"""
TABLES = _NEW_IN_2 + _NEW_IN_3 + """
CREATE TABLE app (
    id TEXT PRIMARY KEY,                -- '<app>.<environment>'
    name TEXT NOT NULL,
    environment TEXT NOT NULL,
    slot INTEGER NOT NULL UNIQUE,       -- backend slot of the edge
    subnet INTEGER NOT NULL UNIQUE,     -- third octet of the app's network
    serving INTEGER,                    -- number of the committed release
    lane TEXT,                          -- 'a' or 'b': the address the committed web container has
    degraded TEXT NOT NULL DEFAULT '',  -- why a role other than web is not up
    since TEXT,
    sequence INTEGER,                   -- highest CI run number that was committed
    turns TEXT NOT NULL DEFAULT '{}',   -- JSON object role -> how often its container of this release was restarted
    maintenance TEXT,                   -- JSON object while the edge answers for the app
    stopped TEXT,                       -- JSON object while the app is stopped
    removal TEXT                        -- JSON object once its removal is decided
);
CREATE TABLE removed (
    app TEXT PRIMARY KEY,
    number INTEGER NOT NULL,            -- of its last release: numbers are never given out again
    request TEXT NOT NULL,
    result TEXT NOT NULL                -- JSON object: the answer to that request
);
CREATE TABLE release (
    app TEXT NOT NULL REFERENCES app(id),
    number INTEGER NOT NULL,
    image TEXT NOT NULL,
    digest TEXT NOT NULL,
    revision TEXT NOT NULL,
    manifest TEXT NOT NULL,
    environment_version INTEGER NOT NULL,
    migrations TEXT,                    -- JSON list that the image knows, NULL when unknown
    state TEXT NOT NULL,                -- candidate, healthy, failed, pruned, failed-pruned
    created_at TEXT NOT NULL,
    PRIMARY KEY (app, number)
);
CREATE TABLE deployment (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL UNIQUE,       -- id made by the client; repeating it attaches
    app TEXT NOT NULL REFERENCES app(id),
    kind TEXT NOT NULL,                 -- deploy, rollback, restart, start, stop, maintenance, remove
    release INTEGER,
    previous INTEGER,
    sequence INTEGER,
    state TEXT NOT NULL,                -- running, committed, or an outcome: succeeded, failed, refused, cancelled, …
    started_at TEXT NOT NULL,
    seconds REAL,
    error TEXT,
    downtime REAL                       -- seconds in which the app did not answer because of it, NULL when it did
);
CREATE INDEX deployment_app ON deployment(app, started_at);
CREATE TABLE event (
    deployment TEXT NOT NULL REFERENCES deployment(id),
    sequence INTEGER NOT NULL,
    at TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (deployment, sequence)
) WITHOUT ROWID;
CREATE TABLE environment (
    app TEXT NOT NULL REFERENCES app(id),
    version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    change TEXT NOT NULL,               -- what this version did, names only
    content TEXT NOT NULL,              -- JSON object name -> value
    PRIMARY KEY (app, version)
);
CREATE TABLE setting (name TEXT PRIMARY KEY, content TEXT NOT NULL);
CREATE TABLE outbox (sequence INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
"""

# format -> what leads to the next one
UPGRADES = {
    1: """
ALTER TABLE app ADD COLUMN turns TEXT NOT NULL DEFAULT '{}';
ALTER TABLE app ADD COLUMN maintenance TEXT;
ALTER TABLE app ADD COLUMN stopped TEXT;
ALTER TABLE app ADD COLUMN removal TEXT;
ALTER TABLE deployment ADD COLUMN downtime REAL;
CREATE TABLE removed (app TEXT PRIMARY KEY, number INTEGER NOT NULL, request TEXT NOT NULL, result TEXT NOT NULL);
"""
    + _NEW_IN_2,
    2: _NEW_IN_3 + _DEGRADED_BEFORE_3,
}


def prepare(connection: sqlite3.Connection) -> None:
    """Create the tables in a new ledger, bring an older one up to date, set the connection up.

    Raises Unavailable `ledger-newer`, or what SQLite raises when the file or its disk is at fault.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    is_new = version == 0 and not connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    if version > FORMAT:
        raise _newer(version)
    if not is_new and version != FORMAT and version not in UPGRADES:
        raise sqlite3.DatabaseError(f"format {version}")
    if is_new:
        connection.executescript(f"BEGIN; {TABLES} PRAGMA user_version = {FORMAT}; COMMIT;")
    elif version != FORMAT:
        steps = "".join(UPGRADES[older] for older in range(version, FORMAT))
        connection.executescript(f"BEGIN; {steps} PRAGMA user_version = {FORMAT}; COMMIT;")
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(verdict)
    try_write(connection)


def _newer(version: int) -> Unavailable:
    return Unavailable(
        "ledger-newer",
        f"the ledger has format {version}, this agent reads format {FORMAT}",
        state=GOES_ON,
        hint="install the newer agent again with `ferryman server setup`",
    )
