"""Static files of earlier releases: still there after a switch and a rollback, and not for ever."""

import json
import threading
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from ground.web import released_static
from ground.web.released_static import KEEP_SECONDS, StaticMiddleware, share, tidy

DAY = 24 * 3600


def release(folder: Path, mark: str) -> Path:
    """Make the collected files of a release: one of its own and one that all have."""
    (folder / "fleet").mkdir(parents=True)
    for name in (f"fleet/page.{mark}.css", f"fleet/page.{mark}.css.gz", "fleet/mark.same.svg", "fleet/page.css"):
        (folder / name).write_text(f"of {mark}")
    paths = {"fleet/page.css": f"fleet/page.{mark}.css", "fleet/mark.svg": "fleet/mark.same.svg", "x": "not-there.js"}
    (folder / "staticfiles.json").write_text(json.dumps({"paths": paths}))
    return folder


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    (tmp_path / "shared").mkdir()
    return tmp_path / "shared"


def test_each_release_leaves_its_hashed_files_once(tmp_path: Path, shared: Path) -> None:
    one, two = release(tmp_path / "one", "111"), release(tmp_path / "two", "222")
    assert share(one, shared) == 3
    assert share(one, shared) == 0
    assert share(two, shared) == 2
    assert names(shared) == {"page.111.css", "page.111.css.gz", "page.222.css", "page.222.css.gz", "mark.same.svg"}
    assert (shared / "fleet/page.111.css").stat().st_mode & 0o777 == 0o644


def test_releases_that_start_at_the_same_time_leave_whole_files(tmp_path: Path, shared: Path) -> None:
    one = release(tmp_path / "one", "111")
    starts = [threading.Thread(target=share, args=(one, shared)) for _ in range(8)]
    for start in starts:
        start.start()
    for start in starts:
        start.join()
    assert names(shared) == {"page.111.css", "page.111.css.gz", "mark.same.svg"}
    assert (shared / "fleet/page.111.css").read_text() == "of 111"


def test_without_a_volume_or_collected_files_nothing_is_done(tmp_path: Path, shared: Path) -> None:
    assert share(release(tmp_path / "one", "111"), tmp_path / "no-volume") == 0
    assert share(tmp_path / "checkout", shared) == 0
    assert tidy(tmp_path / "checkout", tmp_path / "no-volume") == 0


def test_files_go_thirty_days_after_the_last_release_that_has_them(tmp_path: Path, shared: Path) -> None:
    one, two = release(tmp_path / "one", "111"), release(tmp_path / "two", "222")
    share(one, shared)
    began = (shared / "fleet/page.111.css").stat().st_mtime
    # It serves for a hundred days, and is then replaced.
    assert tidy(one, shared, began + 100 * DAY) == 0
    share(two, shared)
    assert tidy(two, shared, began + 100 * DAY + KEEP_SECONDS - DAY) == 0
    assert tidy(two, shared, began + 100 * DAY + KEEP_SECONDS + DAY) == 2
    assert names(shared) == {"page.222.css", "page.222.css.gz", "mark.same.svg"}


@pytest.mark.django_db
def test_the_files_of_another_release_are_served(
    tmp_path: Path, shared: Path, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    share(release(tmp_path / "one", "111"), shared)
    monkeypatch.setattr(released_static, "SHARED", shared)
    settings.WHITENOISE_AUTOREFRESH = False
    settings.STATIC_ROOT = str(release(tmp_path / "two", "222"))

    def missing(_: HttpRequest) -> HttpResponse:
        return HttpResponse(status=404)

    serve = StaticMiddleware(missing)

    def status(name: str) -> int:
        answer = serve(RequestFactory().get(f"/static/fleet/{name}"))
        answer.close()
        return int(answer.status_code)

    assert [status(name) for name in ("page.111.css", "page.222.css", "page.333.css")] == [200, 200, 404]
