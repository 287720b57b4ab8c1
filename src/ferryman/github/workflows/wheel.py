"""Makes a wheel of the Ferryman that runs, so that a project's workflows install this very one, by its hash.

The same files give the same bytes: times are fixed, and nothing is compressed, which versions of zlib do differently.
"""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from importlib.metadata import metadata
from pathlib import Path

import ferryman
import ferryman_agent
from ferryman import __version__

EARLIEST = (1980, 1, 1, 0, 0, 0)
ENTRY_POINTS = "[console_scripts]\nferryman = ferryman.cli.main:main\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: ferryman\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def wheel_name() -> str:
    """The file's name."""
    return f"ferryman-{__version__}-py3-none-any.whl"


def build_wheel() -> bytes:
    """The wheel of the packages that are installed."""
    information = f"ferryman-{__version__}.dist-info"
    content = _package(ferryman) | _package(ferryman_agent)
    content |= {f"{information}/METADATA": _metadata().encode(), f"{information}/WHEEL": WHEEL.encode()}
    content[f"{information}/entry_points.txt"] = ENTRY_POINTS.encode()
    record = "".join(f"{name},sha256={_hash(data)},{len(data)}\n" for name, data in content.items())
    content[f"{information}/RECORD"] = f"{record}{information}/RECORD,,\n".encode()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
        for name, data in content.items():
            entry = zipfile.ZipInfo(name, EARLIEST)
            entry.external_attr = 0o100644 << 16
            entry.create_system = 3
            archive.writestr(entry, data)
    return packed.getvalue()


def _package(package: object) -> dict[str, bytes]:
    folder = Path(str(getattr(package, "__file__", ""))).parent
    found = sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(folder.parent).as_posix(): path.read_bytes() for path in found}


def _metadata() -> str:
    known = metadata("ferryman")
    lines = ["Metadata-Version: 2.1", "Name: ferryman", f"Version: {__version__}"]
    lines += [f"Requires-Python: {known['Requires-Python']}"]
    lines += [f"Requires-Dist: {text}" for text in known.get_all("Requires-Dist") or [] if "extra ==" not in text]
    return "\n".join(lines) + "\n"


def _hash(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
