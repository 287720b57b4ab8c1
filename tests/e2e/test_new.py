"""A project of `ferryman new`: what its pipeline tries is green, and it is shipped without a change."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, ConsoleMessage, expect

from ferryman.rehearsal.polling import wait_until
from ferryman.rehearsal.stand_ins import Images

FERRYMAN = Path(sys.executable).with_name("ferryman")
AUTHOR = {"NAME": "Test", "EMAIL": "test@example.com"}
PERSON, PASSWORD = "anna@example.com", "a horse of another colour"
MAKE_PERSON = f"from accounts.models import User; User.objects.create_superuser({PERSON!r}, {PASSWORD!r})"
JOB = {
    "celery": "from accounts.tasks import clear_sessions; clear_sessions.delay()",
    "procrastinate": "from accounts.tasks import clear_sessions; clear_sessions.defer(timestamp=0)",
}
DONE = {"celery": "succeeded in", "procrastinate": "ended with status: Success"}


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a command that must succeed, with a name for commits, and uv where this Python has it."""
    who = {f"GIT_{role}_{part}": text for role in ("AUTHOR", "COMMITTER") for part, text in AUTHOR.items()}
    path = f"{FERRYMAN.parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **who, "PATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def ferryman(folder: Path, *words: str) -> str:
    """Standard output of a command of ours."""
    return run(folder, str(FERRYMAN), *words).stdout


def manage(folder: Path, code: str) -> str:
    """Run a line of Python in the service that was rehearsed."""
    return ferryman(folder, "exec", "--to", "rehearsal", "--", "python", "manage.py", "shell", "-c", code)


@contextmanager
def rehearsed(folder: Path) -> Iterator[str]:
    """The URL of the project, which is rehearsed as it was committed."""
    assert run(folder, "git", "status", "--short").stdout == ""
    try:
        yield ferryman(folder, "rehearse").splitlines()[-1]
    finally:
        ferryman(folder, "rehearse", "down")


def is_fault(said: ConsoleMessage) -> bool:
    """An error that is the project's: browsers ask for an icon by themselves, and it has none."""
    return said.type == "error" and not said.location["url"].endswith("/favicon.ico")


@pytest.fixture(scope="module")
def bakery(images: Images, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new project as it comes when nothing is chosen."""
    parent = tmp_path_factory.mktemp("new")
    assert ferryman(parent, "new", "bakery") == "bakery\n"
    return parent / "bakery"


@pytest.fixture(scope="module")
def url(bakery: Path) -> Iterator[str]:
    """Where it serves."""
    with rehearsed(bakery) as address:
        yield address


def test_what_its_pipeline_tries_is_green(bakery: Path) -> None:
    assert "check: no warnings, no mistake" in run(bakery, str(FERRYMAN), "check").stderr
    # The same file, but for the Python: no other than this one can be counted on.
    own = bakery / ".ferryman.toml"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    own.write_text((bakery / "ferryman.toml").read_text() + f'\n[pipeline]\npython = "{version}"\n')
    try:
        for kind in ("code", "unit"):
            ferryman(bakery, "test", kind, "--config", own.name)
    finally:
        own.unlink()


def test_it_serves_from_postgresql_and_is_healthy(bakery: Path, url: str) -> None:
    answer = httpx.get(f"{url}/health/", headers={"X-Request-ID": "asked"})
    assert (answer.status_code, answer.json()) == (200, {"database": "up"})
    vendor = "from django.db import connection; print(connection.vendor)"
    assert manage(bakery, vendor).splitlines()[-1] == "postgresql"
    status = json.loads(ferryman(bakery, "status", "--to", "rehearsal", "--json"))
    assert (status["state"], status["release"]["number"]) == ("serving", 1)


def test_its_pages_look_right_and_a_person_signs_in_on_them(
    bakery: Path, url: str, browser: Browser, tmp_path: Path
) -> None:
    manage(bakery, MAKE_PERSON)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    faults: list[str] = []
    page.on("console", lambda said: faults.append(f"{said.text} {said.location['url']}") if is_fault(said) else None)
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(url)
    expect(page).to_have_url(f"{url}/api/docs/")
    sign_in = page.locator("#operations-session-session_create")
    expect(sign_in).to_be_visible()
    page.screenshot(path=tmp_path / "docs.png", full_page=True)
    sign_in.locator(".opblock-summary-control").click()
    sign_in.get_by_role("button", name="Try it out").click()
    sign_in.locator("textarea").fill(json.dumps({"email": PERSON, "password": PASSWORD}))
    sign_in.get_by_role("button", name="Execute").click()
    expect(sign_in.locator(".live-responses-table .response .response-col_status").first).to_contain_text("200")
    page.goto(f"{url}/admin/accounts/user/")
    expect(page.locator("#result_list")).to_contain_text(PERSON)
    expect(page.locator("#header")).to_have_css("background-color", re.compile(r"rgb\((?!0, 0, 0)"))
    page.screenshot(path=tmp_path / "admin.png", full_page=True)
    context.close()
    assert faults == []


@pytest.mark.slow
@pytest.mark.parametrize(("sign_in", "queue"), [("jwt", "celery"), ("session", "procrastinate")])
def test_a_project_with_a_queue_does_its_jobs(images: Images, tmp_path: Path, sign_in: str, queue: str) -> None:
    ferryman(tmp_path, "new", "bakery", "--auth", sign_in, "--queue", queue)
    folder = tmp_path / "bakery"
    with rehearsed(folder) as url:
        assert httpx.get(f"{url}/health/").status_code == 200
        assert httpx.get(f"{url}/api/me/").status_code == (401 if sign_in == "jwt" else 403)
        manage(folder, JOB[queue])

        def is_done() -> bool:
            log = run(folder, str(FERRYMAN), "logs", "--to", "rehearsal", "--role", "worker")
            return DONE[queue] in log.stdout + log.stderr

        wait_until(is_done, "the worker has done a job", seconds=60, pause=1)
        status = json.loads(ferryman(folder, "status", "--to", "rehearsal", "--json"))
        assert status["state"] == "serving"
