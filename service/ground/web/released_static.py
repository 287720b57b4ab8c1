"""Keeps the static files of earlier releases: pages that they sent still ask for them after a switch or a rollback.

Where a volume is mounted at SHARED, each release that starts leaves its own files there, under names that carry a hash
of their content, and serves all that it finds. Without the volume it serves its own alone.
"""

import json
import os
import shutil
import tempfile
import time
from pathlib import Path

from whitenoise.middleware import WhiteNoiseMiddleware  # type: ignore[import-untyped]

from ground.static import STATIC_ROOT

SHARED = STATIC_ROOT.parent / "released-static"
MANIFEST = "staticfiles.json"
COMPRESSED = ("", ".gz", ".br")
KEEP_SECONDS = 30 * 24 * 3600


class StaticMiddleware(WhiteNoiseMiddleware):  # type: ignore[misc]  # without types
    """Serves this release's files and those of earlier ones; what is there at the start, that is."""

    def __init__(self, *arguments: object, **options: object) -> None:
        """Look for files once."""
        super().__init__(*arguments, **options)
        if SHARED.is_dir():
            self.add_files(str(SHARED), prefix=self.static_prefix)


def share(own: Path = STATIC_ROOT, shared: Path = SHARED) -> int:
    """Leave this release's files in the volume; return how many were not there yet. Without a volume, 0.

    Each appears whole or not at all, so releases may start at the same time, and a start that is killed does no harm.
    """
    if not os.access(shared, os.W_OK):
        return 0
    copied = 0
    for name in hashed_names(own):
        target = shared / name
        if not target.exists():
            _copy(own / name, target)
            copied += 1
    return copied


def tidy(own: Path = STATIC_ROOT, shared: Path = SHARED, now: float | None = None) -> int:
    """Remove what no release has had for 30 days; return how many files. The worker of the serving release calls it.

    It marks its own files as in use, so that the days begin when a release stops to serve, not when it started.
    """
    if not os.access(shared, os.W_OK):
        return 0
    now = time.time() if now is None else now
    own_names = hashed_names(own)
    for name in own_names & {str(path.relative_to(shared)) for path in _files(shared)}:
        os.utime(shared / name, (now, now))
    old = [path for path in _files(shared) if path.stat().st_mtime < now - KEEP_SECONDS]
    for path in old:
        path.unlink(missing_ok=True)
    return len(old)


def hashed_names(own: Path) -> set[str]:
    """Return the files whose names carry a hash, and their compressed forms; none in a checkout."""
    manifest = own / MANIFEST
    if not manifest.exists():
        return set()
    names = json.loads(manifest.read_text())["paths"].values()
    return {f"{name}{end}" for name in names for end in COMPRESSED if (own / f"{name}{end}").is_file()}


def _files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=".")
    with source.open("rb") as original, os.fdopen(handle, "wb") as copy:
        shutil.copyfileobj(original, copy)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(target)
