"""Named volumes belong to the image's user, also where the image has no such folder."""

from __future__ import annotations

import io
import os
import tarfile

from ferryman_agent.engine import Engine, EngineError


def own_volumes(engine: Engine, container: str, volumes: dict[str, str]) -> None:
    """Give each empty volume that root owns to the user that the (created) container runs as."""
    if not volumes:
        return
    user, group = _user_of(engine, container)
    for name in volumes:
        if user != 0 and is_unowned(engine, name):
            os.chown(engine.volume_folder(name), user, group)


def is_unowned(engine: Engine, name: str) -> bool:
    """Whether a volume is as the engine made it: empty, and root's."""
    folder = engine.volume_folder(name)
    return folder.stat().st_uid == 0 and not any(folder.iterdir())


def _user_of(engine: Engine, container: str) -> tuple[int, int]:
    found = engine.workload(container)
    user, _, group = (found.user if found else "").partition(":")
    passwd = _lines(engine, container, "/etc/passwd")
    groups = _lines(engine, container, "/etc/group")
    entry = next((row for row in passwd if len(row) > 3 and user in (row[0], row[2])), None)
    uid = int(user) if user.isdigit() else int(entry[2]) if entry else 0
    if group:
        named = next((int(row[2]) for row in groups if len(row) > 2 and row[0] == group), uid)
        return uid, int(group) if group.isdigit() else named
    return uid, int(entry[3]) if entry else uid


def _lines(engine: Engine, container: str, path: str) -> list[list[str]]:
    try:
        archive = engine.archive(container, path)
    except EngineError:
        return []
    try:
        with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
            file = tar.extractfile(tar.next() or tarfile.TarInfo())
            return [line.split(":") for line in file.read().decode(errors="replace").splitlines()] if file else []
    except (tarfile.TarError, KeyError):  # a link to somewhere else in the image
        return []
