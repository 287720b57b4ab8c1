"""What came of a clean-up, for people: lines for a terminal, Markdown for the summary of a workflow's run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ferryman.cleanup.names import escaped, shown
from ferryman.cleanup.report import Report

ROWS = 100


def size(number: int | None) -> str:
    """Bytes for a person."""
    if number is None:
        return "not known"
    return f"{number / 1e6:,.1f} MB" if number >= 100_000 else f"{number / 1e3:,.1f} kB"


def lines(report: Report) -> list[str]:
    """What went, line by line, and how much stays."""
    went = "would go" if report.is_dry else "removed"
    found: list[str] = []
    if report.branches:
        found += [f"branch  {went}  {shown(v.name)}  {v.sha}  {shown(v.why)}" for v in report.branches.removed]
        found += [f"branch  failed  {shown(v.name)}  {v.sha}  {shown(v.why)}" for v in report.branches.failed]
        found.append(f"{len(report.branches.removed)} branches {went}, {len(report.branches.kept)} stay")
    for images in report.images:
        found += [f"image  {went}  {shown(_tags(i.tags))}  {i.digest[:19]}  {size(i.bytes)}" for i in images.removed]
        counts = f"{len(images.removed)} images of {images.repository} {went}, {len(images.kept)} stay"
        found.append(f"{counts}; {size(images.bytes)}")
    for server in report.servers:
        found += [f"server  {went}  {shown(i['image'])}  {size(i['bytes'])}" for i in server.images]
        found.append(f"the server of {server.environment}: {_on_server(went, server)}")
    return [*found, f"{size(report.bytes)} {'would come' if report.is_dry else 'came'} back"]


def _on_server(went: str, server: Any) -> str:
    if server.busy:
        return "nothing removed, a transaction runs; a deploy prunes by itself"
    return f"{len(server.images)} unused images {went}; {size(server.bytes)}"


def _tags(tags: Sequence[str]) -> str:
    return ", ".join(tags)


def markdown(report: Report) -> str:
    """The summary. Names are data: nothing in them is Markdown, HTML, a mention or a link."""
    title = "Clean-up, dry run" if report.is_dry else "Clean-up"
    comes = "would come back" if report.is_dry else "came back"
    parts = [f"## {title}", f"**{size(report.bytes)}** {comes}."]
    if report.branches:
        parts += _branches(report)
    for images in report.images:
        parts.append(
            f"### Images of {escaped(images.repository)}: {_gone(report, images.removed)}, {size(images.bytes)}"
        )
        parts.append(
            _table(("tags", "digest", "size"), images.removed, lambda i: (_tags(i.tags), i.digest, size(i.bytes)))
        )
    for server in report.servers:
        said = "a transaction runs" if server.busy else _gone(report, server.images)
        parts.append(f"### Server of {escaped(server.environment)}: {said}, {size(server.bytes)}")
        parts.append(_table(("image", "size"), server.images, lambda i: (i["image"], size(i["bytes"]))))
    if report.failures:
        parts.append("### Not done")
        parts.append(_table(("part", "code", "reason"), report.failures, lambda f: (f.part, f.code, f.message)))
    return "\n\n".join(part for part in parts if part) + "\n"


def _branches(report: Report) -> list[str]:
    assert report.branches is not None  # noqa: S101 - asked before
    found = report.branches
    header = ("branch", "commit", "why")
    parts = [f"### Branches: {_gone(report, found.removed)}, {len(found.kept)} stay"]
    parts.append(_table(header, found.removed, lambda v: (v.name, v.sha, v.why)))
    if found.removed and not report.is_dry:
        parts.append("`git push origin COMMIT:refs/heads/BRANCH` brings one back.")
    if found.failed:
        parts += ["### Branches that failed", _table(header, found.failed, lambda v: (v.name, v.sha, v.why))]
    return parts


def _gone(report: Report, items: Sequence[Any]) -> str:
    return f"{len(items)} {'would go' if report.is_dry else 'removed'}"


def _table(header: Sequence[str], items: Sequence[Any], row: Callable[[Any], Sequence[str]]) -> str:
    """A table of at most ROWS rows; "" without items."""
    if not items:
        return ""
    cells = [[escaped(cell) for cell in row(item)] for item in items[:ROWS]]
    written = [header, ["---"] * len(header), *cells]
    more = f"\n\nand {len(items) - ROWS} more" if len(items) > ROWS else ""
    return "\n".join(f"| {' | '.join(line)} |" for line in written) + more
