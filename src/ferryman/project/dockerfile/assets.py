"""The stage `assets`: what Node builds of the project's files."""

from __future__ import annotations

import posixpath

from ferryman.packaging.node import Assets, Package
from ferryman.project.dockerfile.lines import run


def assets_stage(assets: Assets, context: str) -> str:
    """Its lines; the whole project, as built, is in /app. `context`: the folder of the build."""
    image = f"node:{assets.node}-trixie{'' if assets.needs_tools else '-slim'}"
    lines = ["# The web assets.", f"FROM {image} AS assets"]
    if assets.is_old_webpack:
        lines.append(
            "# Its webpack hashes with what OpenSSL 3 calls legacy.\nENV NODE_OPTIONS=--openssl-legacy-provider"
        )
    for package in assets.packages:
        lines += [f"WORKDIR {_place(package, context)}", *_copies(package, context), run(package.install)]
    lines.append("COPY . /app")
    for package in assets.packages:
        steps = list(package.build) + ([] if assets.keeps_modules else ["rm -rf node_modules"])
        if steps:
            lines += [f"WORKDIR {_place(package, context)}", run(steps)]
    return "\n".join(lines)


def _below(package: Package, context: str) -> str:
    return posixpath.relpath(package.folder or ".", context or ".")


def _place(package: Package, context: str) -> str:
    return posixpath.normpath(posixpath.join("/app", _below(package, context)))


def _copies(package: Package, context: str) -> list[str]:
    """A COPY for each folder, since one puts all its files into the same."""
    here = _below(package, context)
    folders = sorted({posixpath.dirname(name) for name in package.files})
    lines = []
    for folder in folders:
        names = [name for name in package.files if posixpath.dirname(name) == folder]
        sources = " ".join(posixpath.normpath(posixpath.join(here, name)) for name in names)
        lines.append(f"COPY {sources} ./{folder + '/' if folder else ''}")
    return lines
