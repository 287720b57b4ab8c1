"""SIGTERM: what is open is finished, and the process ends well."""

import shutil
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest

from ground.postgresql import local
from tests.running import Running, environment, gunicorn, manage

OPEN_SECONDS = 2.0
REPORT = {"agent": "1", "events": [{"sequence": 1, "at": "2026-11-23T08:00:00Z", "kind": "x"}]}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    folder = Path(f"/var/tmp/harbour-stop-{threading.get_native_id()}")  # noqa: S108
    with local.running(folder) as url:
        variables = environment(url)
        manage(variables, "migrate", "--noinput", "--verbosity=0")
        token = manage(variables, "create_server_token", "--server", "vps-1").strip()
        with gunicorn(tmp_path, variables) as started:
            started.headers["Authorization"] = f"Bearer {token}"
            yield started
    shutil.rmtree(folder, ignore_errors=True)


def is_waited_for(database: str) -> bool:
    """Whether somebody waits for a row; a transaction would see the same answer each time."""
    with psycopg.connect(database, autocommit=True) as observer:
        waiting = observer.execute("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return waiting.fetchone() is not None


def test_an_open_report_is_stored_and_the_process_ends_well(running: Running) -> None:
    with psycopg.connect(running.environment["DATABASE_URL"]) as holder, ThreadPoolExecutor() as pool:
        holder.execute("SELECT 1 FROM fleet_server FOR UPDATE")
        answer = pool.submit(
            httpx.post, f"{running.url}/api/v1/reports/", json=REPORT, headers=running.headers, timeout=30
        )
        while not is_waited_for(running.environment["DATABASE_URL"]):
            time.sleep(0.02)
        running.process.terminate()
        time.sleep(OPEN_SECONDS)
        assert running.process.poll() is None
        holder.commit()
        assert answer.result().json().get("accepted") == 1, answer.result().text
    assert running.process.wait(10) == 0
