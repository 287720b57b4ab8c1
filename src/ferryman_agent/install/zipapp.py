"""The agent's one file as it is kept on the server: the zipapp, with its modules compiled by this server's Python."""

from __future__ import annotations

import hashlib
import importlib.util
import io
import marshal
import sys
import zipfile
from pathlib import Path

from ferryman_agent.errors import BadRequest

TIMESTAMP = (1980, 1, 1, 0, 0, 0)
UNCHECKED_HASH_FLAGS = (1).to_bytes(4, "little")


def zipapp_mark(path: Path, source: bytes | None = None) -> str:
    """What tells one agent from another: of a `source` it is computed, of an installed file it is read.

    The Python that compiled is part of it, so that an upgraded server compiles anew.
    """
    if source is not None:
        return f"{hashlib.sha256(source).hexdigest()} {sys.implementation.cache_tag}"
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.comment.decode(errors="replace")
    except (OSError, zipfile.BadZipFile):
        return ""


def compiled_zipapp(source: bytes, installed_path: str) -> bytes:
    """The same zipapp with compiled modules beside the sources.

    Python never writes compiled modules into a zip: without this every start, and so every call
    over the link, would compile the agent anew (the daemon's start: 205 ms, compiled 157 ms).
    """
    target = io.BytesIO()
    try:
        archive = zipfile.ZipFile(io.BytesIO(source))
    except zipfile.BadZipFile:
        raise BadRequest(
            "zipapp-malformed", "the installation does not run from the agent's zipapp", state="nothing was changed"
        ) from None
    with archive, zipfile.ZipFile(target, "w") as compiled:
        compiled.comment = zipapp_mark(Path(), source).encode()
        for name in sorted(archive.namelist()):
            content = archive.read(name)
            _add(compiled, name, content)
            if name.endswith(".py"):
                _add(compiled, name + "c", _compiled_module(content, f"{installed_path}/{name}"))
    return target.getvalue()


def _compiled_module(source: bytes, name: str) -> bytes:
    code = compile(source, name, "exec", dont_inherit=True)
    header = importlib.util.MAGIC_NUMBER + UNCHECKED_HASH_FLAGS + importlib.util.source_hash(source)
    return header + marshal.dumps(code)


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, TIMESTAMP), content)
