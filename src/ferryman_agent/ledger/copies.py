"""What a lost ledger is rebuilt from: a copy of each app's rows in the app's own folder, for root alone (0600).

The ledger stays the only truth: nothing reads these files but the doctor. They hold no history.

    apps/<app>/app.json                      the app, where it served before, its releases that are not retained
    apps/<app>/releases/<n>/manifest.json    each retained release
    apps/<app>/environment/<version>.json    each version of what `env set` stored
    removed.json                             the last numbers of apps that were removed
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ferryman_agent.ledger.ledger import Ledger
from ferryman_agent.ledger.rows import Release
from ferryman_agent.secrets_file import write_private

APPS, APP, REMOVED = "apps", "app.json", "removed.json"
GONE_KEPT = 200  # releases that are not retained; what counts is the last number


class Copies:
    """Writes the copies below the state's folder; a file is touched only when its content changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._seen: dict[str, int] = {}

    def write(self, ledger: Ledger, app_id: str) -> None:
        """Have the copy of an app, and of what was removed, as the ledger is now. OSError when the disk refuses."""
        with self._lock:
            changes = ledger.changes
            if self._seen.get(app_id) == changes:
                return
            for path, content in files_of(ledger, app_id).items():
                text = json.dumps(content, indent=1, sort_keys=True)
                place = self._folder / path
                if not place.exists() or place.read_bytes() != text.encode():
                    write_private(place, text)
            self._seen[app_id] = changes


def files_of(ledger: Ledger, app_id: str) -> dict[str, Any]:
    """Path below the state's folder → content, for one app and for what was removed."""
    removed = ledger.removed()
    found: dict[str, Any] = {REMOVED: removed} if removed else {}
    app = ledger.app(app_id)
    if app is None:
        return found
    releases, place = ledger.releases(app_id), f"{APPS}/{app_id}"
    gone = [without_manifest(release) for release in releases if release.state != "healthy"]
    found[f"{place}/{APP}"] = {
        "app": asdict(app),
        "served_before": ledger.served_before(app_id),
        "gone": gone[:GONE_KEPT],
        "others": ledger.others(app_id),
    }
    for release in releases:
        if release.state == "healthy":
            found[f"{place}/releases/{release.number}/manifest.json"] = asdict(release)
    for version in ledger.environments(app_id):
        found[f"{place}/environment/{version['version']}.json"] = version
    return found


def without_manifest(release: Release) -> dict[str, Any]:
    """What is kept of a release that nobody can go back to."""
    return {**asdict(release), "manifest": {}, "migrations": None}


@dataclass(frozen=True)
class Copy:
    """What was found in an app's folder. `variables`: release → its NAME=value lines; `unread`: broken files."""

    app_id: str
    app: dict[str, Any] = field(default_factory=dict)
    served_before: int | None = None
    gone: list[dict[str, Any]] = field(default_factory=list)
    others: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    releases: dict[int, dict[str, Any]] = field(default_factory=dict)
    environments: dict[int, dict[str, Any]] = field(default_factory=dict)
    variables: dict[int, list[str]] = field(default_factory=dict, repr=False)
    unread: list[str] = field(default_factory=list)


def read_copies(folder: Path) -> list[Copy]:
    """The copies of all apps whose folder is there, by id."""
    apps = folder / APPS
    return [_read_copy(place) for place in sorted(apps.iterdir()) if place.is_dir()] if apps.is_dir() else []


def read_removed(folder: Path) -> list[dict[str, Any]]:
    """What was removed from this server."""
    found = _read(folder / REMOVED, [])
    return found if isinstance(found, list) else []


def _read_copy(place: Path) -> Copy:
    unread: list[str] = []
    kept = _read(place / APP, unread)
    kept = kept if isinstance(kept, dict) else {}
    releases = dict(_numbered(place.glob("releases/*/manifest.json"), unread, lambda path: path.parent.name))
    environments = dict(_numbered(place.glob("environment/*.json"), unread, lambda path: path.stem))
    variables = dict(_numbered(place.glob("releases/*/environment.json"), unread, lambda path: path.parent.name))
    return Copy(
        place.name,
        kept.get("app", {}),
        kept.get("served_before"),
        kept.get("gone", []),
        kept.get("others", {}),
        releases,
        environments,
        variables,
        unread,
    )


def _numbered(paths: Iterable[Path], unread: list[str], name: Callable[[Path], str]) -> Iterator[tuple[int, Any]]:
    for path in sorted(paths):
        found = _read(path, unread)
        if isinstance(found, (dict, list)) and name(path).isdigit():
            yield int(name(path)), found


def _read(path: Path, unread: list[str]) -> Any:
    """Parsed JSON; None when the file is not there, or, which is noted, when it is no JSON."""
    try:
        return json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        unread.append(str(path))
        return None
