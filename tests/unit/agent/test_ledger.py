"""The ledger: durable, all or nothing, bounded, and refused when it can't be trusted."""

from __future__ import annotations

import gzip
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from ferryman_agent.errors import Refused, Unavailable
from ferryman_agent.ledger import App, Deployment, Kind, Ledger, Outcome, Release, ReleaseState, store
from ferryman_agent.ledger import ledger as module
from ferryman_agent.ledger.reserve import NEEDED_BYTES, PLENTY_BYTES, RESERVE_BYTES, Reserve
from ferryman_agent.ledger.schema import FORMAT
from ferryman_agent.testing import FakeClock, digest, manifest

APP = "shop.production"
LEDGERS = Path(__file__).parent / "ledgers"


@pytest.fixture
def path(folder: Path) -> Path:
    return folder / "ledger.db"


@pytest.fixture
def ledger(path: Path) -> Ledger:
    return Ledger(path, FakeClock())


@pytest.fixture
def app(ledger: Ledger) -> App:
    return ledger.add_app("shop", "production", range(1, 250))


def candidate(ledger: Ledger, app: App, request: str = "r") -> tuple[Deployment, Release]:
    deployment = ledger.begin(app, request, Kind.DEPLOY, 7)
    fields = (app.id, 0, "acme/shop", digest("one"), "0" * 40, manifest())
    release = Release(*fields, environment_version=0, migrations=None, state=ReleaseState.CANDIDATE, created_at="")
    return deployment, ledger.add_release(deployment.id, release)


def reread(path: Path) -> Ledger:
    return Ledger(path, FakeClock())


def test_a_commit_is_seen_whole_by_the_next_process(path: Path, ledger: Ledger, app: App) -> None:
    deployment, release = candidate(ledger, app)
    ledger.set_degraded(app.id, "something")
    ledger.commit(deployment, release.number, "a")
    found = reread(path)
    committed, recorded = found.app(APP), found.deployment("r")
    assert committed is not None
    assert recorded is not None
    assert (committed.serving, committed.lane, committed.degraded, committed.sequence) == (1, "a", "", 7)
    assert [r.state for r in found.releases(APP)] == ["healthy"]
    assert recorded.state == "committed"


def break_table(path: Path, statement: str) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute(statement)
    connection.close()


@pytest.mark.parametrize("table", ["app", "release", "deployment"])
def test_a_commit_that_fails_in_the_middle_leaves_nothing(path: Path, ledger: Ledger, app: App, table: str) -> None:
    deployment, release = candidate(ledger, app)
    trigger = f"CREATE TRIGGER broken BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'no'); END"
    break_table(path, trigger)
    with pytest.raises(sqlite3.Error):
        ledger.commit(deployment, release.number, "a")
    found, recorded = ledger.app(APP), ledger.deployment("r")
    assert found is not None
    assert recorded is not None
    assert (found.serving, recorded.state, ledger.releases(APP)[0].state) == (None, "running", "candidate")
    break_table(path, "DROP TRIGGER broken")
    ledger.commit(deployment, release.number, "a")  # the failure has left no transaction open
    assert [d.state for d in reread(path).deployments()] == ["committed"]


def test_a_commit_that_sqlite_itself_could_not_write_is_rolled_back(path: Path, ledger: Ledger, app: App) -> None:
    """SQLITE_FULL, as on a full disk, at a size limit that stands for it."""
    connection = ledger._connection
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        ledger.set_setting("big", "x" * 1_000_000)
    connection.execute("PRAGMA max_page_count = 1000000")
    ledger.set_setting("big", "x" * 1_000_000)
    assert len(reread(path).setting("big")) == 1_000_000
    assert app.id == APP


def schema(path: Path) -> dict[str, list[str]]:
    """Table → its columns; and the format."""
    connection = sqlite3.connect(path)
    try:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        columns = {name: [row[1] for row in connection.execute(f"PRAGMA table_info({name})")] for name in names}
    finally:
        connection.close()
    return {**columns, "format": [str(version)]}


@pytest.mark.parametrize("version", range(1, FORMAT))
def test_a_ledger_that_an_agent_of_an_older_format_wrote_is_brought_up_to_date(path: Path, version: int) -> None:
    """Each file was written by the agent of its time: two deploys, a worker that does not stay up, a variable."""
    with gzip.open(LEDGERS / f"format-{version}.db.gz") as kept:
        path.write_bytes(kept.read())
    assert schema(path)["format"] == [str(version)]
    ledger = reread(path)
    (app,) = ledger.apps()
    assert (app.id, app.serving, app.degraded, app.turns) == (APP, 2, "worker does not stay up", {})
    assert (app.maintenance, app.stopped, app.removal) == (None, None, None)
    assert [(d.request, d.state, d.downtime) for d in ledger.deployments()] == [
        ("two", "succeeded", None),
        ("one", "succeeded", None),
    ]
    assert [release.state for release in ledger.releases(APP)] == ["healthy", "healthy"]
    assert ledger.environment(APP) == (1, {"A": "1"})
    assert (ledger.outbox_size(), ledger.setting("reports")["token"]) == (48, "t0ken")
    assert [(notice.code, notice.subject, notice.message) for notice in ledger.notices()] == [
        ("app-degraded", APP, "worker does not stay up")
    ]
    ledger.set_degraded(APP, "")
    assert ledger.notices() == []
    ledger.close()
    new = path.with_name("new.db")
    Ledger(new, FakeClock()).close()
    assert schema(path) == schema(new)


def test_a_removed_app_leaves_its_slot_and_the_numbers_of_its_releases(ledger: Ledger) -> None:
    app = ledger.add_app("shop", "production", range(1, 9))
    for request in ("one", "two"):
        deployed, release = candidate(ledger, app, request)
        ledger.commit(deployed, release.number, "a")
        ledger.add_event(deployed, {"kind": "log", "text": "x"}, None)
    ledger.add_environment(app.id, {"A": "1"}, "set A")
    removal = ledger.begin(app, "away", Kind.REMOVE, None)
    ledger.commit_change(removal, {"removal": {"with_data": False}})
    ledger.remove_app(removal, {"kept": ["v"]}, {"kind": "app.removed"})
    assert (ledger.apps(), ledger.deployments(), ledger.releases(app.id)) == ([], [], [])
    assert ledger.environment(app.id) == (0, {})
    for identifier in ("away", removal.id, app.id):
        assert ledger.removal_result(identifier) == {"deployment": removal.id, "kept": ["v"]}
    assert ledger.removal_result("other") is None
    assert ledger.outbox(10)[-1]["kind"] == "app.removed"
    again = ledger.add_app("blog", "production", range(1, 9))
    assert (again.slot, again.subnet) == (app.slot, app.subnet)
    assert ledger.next_number(app.id) == 3
    assert ledger.next_number(again.id) == 1


def test_a_ledger_of_a_newer_agent_is_refused(path: Path) -> None:
    Ledger(path, FakeClock()).close()
    break_table(path, f"PRAGMA user_version = {FORMAT + 1}")
    before = path.read_bytes()
    with pytest.raises(Unavailable) as caught:
        reread(path)
    assert caught.value.code == "ledger-newer"
    assert path.read_bytes() == before


def spoil_header(content: bytearray) -> None:
    content[:16] = b"no database here"


def spoil_pages(content: bytearray) -> None:
    content[4096 + 100 : 4096 * 3] = b"\xff" * (4096 * 2 - 100)


def cut(content: bytearray) -> None:
    del content[4096 * 2 :]


@pytest.mark.parametrize("spoil", [spoil_header, spoil_pages, cut])
def test_a_damaged_ledger_is_refused(path: Path, spoil: Any) -> None:
    whole = Ledger(path, FakeClock())
    whole.add_app("shop", "production", range(1, 250))
    whole.close()
    content = bytearray(path.read_bytes())
    spoil(content)
    path.write_bytes(content)
    with pytest.raises(Unavailable) as caught:
        reread(path)
    assert caught.value.code == "ledger-damaged"


def test_a_ledger_that_is_no_file_is_refused(folder: Path) -> None:
    with pytest.raises(Unavailable) as caught:
        Ledger(folder, FakeClock())
    assert caught.value.code == "ledger-damaged"


def test_apps_get_the_lowest_free_slot_until_the_server_is_full(ledger: Ledger) -> None:
    for number in range(1, 17):
        made = ledger.add_app(f"app{number}", "production", range(1, 250))
        assert (made.slot, made.subnet) == (number, number)
    assert ledger.add_app("app3", "production", range(1, 250)).slot == 3
    with pytest.raises(Refused) as caught:
        ledger.add_app("one-more", "production", range(1, 250))
    assert caught.value.code == "server-full"
    assert caught.value.hint == "make room: ferryman remove app1.production (it serves nothing)"


def test_events_are_numbered_in_order_and_read_after_a_number(ledger: Ledger, app: App) -> None:
    deployment = ledger.begin(app, "r", Kind.DEPLOY, None)
    for text in "abc":
        ledger.add_event(deployment, {"kind": "log", "text": text}, None)
    assert [event["sequence"] for event in ledger.events(deployment.id)] == [1, 2, 3]
    assert [event["text"] for event in ledger.events(deployment.id, after=1)] == ["b", "c"]
    assert ledger.events(deployment.id, after=3) == []
    assert ledger.outbox_size() == 0


def test_the_outbox_is_bounded_and_forgets_the_oldest(
    ledger: Ledger, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "OUTBOX_LIMIT_ROWS", 3)
    deployment = ledger.begin(app, "r", Kind.DEPLOY, None)
    for number in range(5):
        ledger.add_event(deployment, {"kind": "log"}, {"kind": "x", "data": {"n": number}})
    assert [(report["sequence"], report["data"]["n"]) for report in ledger.outbox(10)] == [(3, 2), (4, 3), (5, 4)]
    ledger.outbox_taken(5)
    ledger.add_event(deployment, {"kind": "log"}, {"kind": "x", "data": {"n": 9}})
    assert [report["sequence"] for report in ledger.outbox(10)] == [6]  # numbers are never used again


def test_environment_versions_are_kept_and_found_by_number(ledger: Ledger, app: App) -> None:
    assert ledger.environment(app.id) == (0, {})
    assert ledger.add_environment(app.id, {"A": "1"}, "set A", base=0) == 1
    assert ledger.add_environment(app.id, {"A": "2"}, "set A", base=1) == 2
    assert ledger.environment(app.id) == (2, {"A": "2"})
    assert ledger.environment(app.id, 1) == (1, {"A": "1"})
    assert ledger.environment(app.id, 0) == (0, {})
    assert [(row["version"], row["change"]) for row in ledger.environment_history(app.id)] == [
        (2, "set A"),
        (1, "set A"),
    ]
    assert all("content" not in row for row in ledger.environment_history(app.id))


def test_two_changes_of_variables_at_once_do_not_lose_one(ledger: Ledger, app: App) -> None:
    ledger.add_environment(app.id, {"A": "1"}, "set A", base=0)
    with pytest.raises(Refused) as caught:
        ledger.add_environment(app.id, {"B": "1"}, "set B", base=0)
    assert caught.value.code == "environment-changed"
    assert ledger.environment(app.id) == (1, {"A": "1"})


def test_old_deployments_are_forgotten_with_their_events(
    ledger: Ledger, app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEPLOYMENTS_KEPT", 2)
    for request in "abc":
        deployment = ledger.begin(app, request, Kind.DEPLOY, None)
        ledger.add_event(deployment, {"kind": "log"}, None)
        ledger.finish(deployment, Outcome.FAILED, 1.0, {"code": "x"})
    assert [d.request for d in ledger.deployments(APP)] == ["c", "b"]
    assert ledger.deployment("a") is None


def test_a_failed_deployment_marks_its_candidate(ledger: Ledger, app: App) -> None:
    deployment, _ = candidate(ledger, app)
    ledger.finish(deployment, Outcome.INTERRUPTED, 1.0, None)
    assert [r.state for r in ledger.releases(APP)] == ["failed"]
    assert ledger.unfinished() == []


def test_a_request_begins_one_deployment(ledger: Ledger, app: App) -> None:
    ledger.begin(app, "r", Kind.DEPLOY, None)
    with pytest.raises(sqlite3.IntegrityError):
        ledger.begin(app, "r", Kind.DEPLOY, None)


def test_the_reserve_is_given_up_on_a_full_disk_and_made_again_when_there_is_plenty(folder: Path) -> None:
    free, held = [PLENTY_BYTES], folder / "ledger.reserve"
    reserve = Reserve(held, lambda _: free[0])
    reserve.make()
    assert held.stat().st_blocks * 512 >= RESERVE_BYTES
    for left, is_held in ((NEEDED_BYTES, True), (NEEDED_BYTES - 1, False), (PLENTY_BYTES - 1, False)):
        free[0] = left
        reserve.give()
        assert held.exists() is is_held
    reserve.make()
    assert not held.exists()
    free[0] = PLENTY_BYTES
    reserve.make()
    assert held.exists()


def test_the_ledger_gives_up_its_reserve_before_a_write(folder: Path) -> None:
    free = [PLENTY_BYTES]
    ledger = Ledger(folder / "ledger.db", FakeClock(), Reserve(folder / "ledger.reserve", lambda _: free[0]))
    assert (folder / "ledger.reserve").exists()
    free[0] = 0
    ledger.set_setting("a", 1)
    assert not (folder / "ledger.reserve").exists()
