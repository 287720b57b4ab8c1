"""Runs a PostgreSQL of its own for development and tests, from the system's PostgreSQL programs."""

import contextlib
import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

USER = "harbour"
# Nothing here outlives a crash of the machine, and nothing has to.
FAST = ("-c fsync=off", "-c synchronous_commit=off", "-c full_page_writes=off", "-c listen_addresses=''")
START_SECONDS = 60


class PostgresqlMissing(Exception):
    """The system has no PostgreSQL server programs."""


def programs() -> Path:
    """Return the folder of the newest initdb on this system."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        raise PostgresqlMissing("no initdb on this system; install PostgreSQL (Debian: apt-get install postgresql)")
    return (found[-1] if found else Path(str(on_path)).resolve()).parent


def development_folder() -> Path:
    """Return where this checkout's cluster for development is kept; short, as a socket's path has to be."""
    name = hashlib.sha256(str(Path(__file__).resolve()).encode()).hexdigest()[:12]
    return Path("/var/tmp") / f"harbour-{os.getuid()}-{name}"  # noqa: S108


def development_url() -> str:
    """Return the DATABASE_URL of the cluster for development."""
    return url(development_folder())


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run a cluster kept in `folder` on a Unix socket in it; yields its DATABASE_URL.

    The folder may be from an earlier run; it must not be in use. Raises PostgresqlMissing.
    """
    data, owner = folder / "data", _owner()
    folder.mkdir(parents=True, exist_ok=True)
    if owner is not None:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    if not (data / "PG_VERSION").exists():
        _run(owner, "initdb", "--auth=trust", f"--username={USER}", "--no-sync", f"--pgdata={data}")
    start(folder)
    try:
        yield url(folder)
    finally:
        stop(folder, "immediate")


def start(folder: Path) -> None:
    """Start the cluster that was made in `folder`, and wait until it answers."""
    options = " ".join([*FAST, f"-k {folder}"])
    waiting = ("--wait", f"--timeout={START_SECONDS}")
    places = (f"--pgdata={folder / 'data'}", f"--log={folder / 'log'}")
    _run(_owner(), "pg_ctl", "start", *waiting, *places, f"--options={options}")


def stop(folder: Path, mode: str) -> None:
    """Stop the cluster: `fast` ends its connections in good order, `immediate` does not."""
    _run(_owner(), "pg_ctl", "stop", f"--mode={mode}", f"--pgdata={folder / 'data'}")


def url(folder: Path) -> str:
    """Return the DATABASE_URL of the cluster that was made in `folder`."""
    return f"postgres://{USER}@/postgres?host={folder}"


def _owner() -> pwd.struct_passwd | None:
    """PostgreSQL refuses to run as root: the user that its package made runs it then."""
    return pwd.getpwnam("postgres") if os.getuid() == 0 else None


def _run(owner: pwd.struct_passwd | None, program: str, *words: str) -> None:
    # A log file keeps the server from holding this process's standard output open.
    done = subprocess.run(
        [str(programs() / program), *words],
        user=owner.pw_uid if owner else None,
        group=owner.pw_gid if owner else None,
        extra_groups=[] if owner else None,
        cwd="/",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{program} failed: {done.stdout}{done.stderr}")
