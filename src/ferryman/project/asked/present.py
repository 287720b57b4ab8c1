"""Whether a project's own Dockerfile is kept: it is, unless its text shows that it can't serve production; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ferryman.image.judgement import Image, faults


def why_not_kept(text: str, texts: Mapping[str, str]) -> str:
    """The first reason, with its line; "" when nothing speaks against it. `texts` may have its scripts."""
    return next(_reasons(Image("", text, texts)), "")


def _reasons(image: Image) -> Iterator[str]:
    if not any(instruction.word in ("COPY", "ADD") for instruction in image.shipped):
        yield "it copies no code into the image"
    if not image.starting:
        yield "it names no command that serves"
    for fault in faults(image):
        if fault.code == "root-user":
            yield fault.reason
        else:
            yield f"{fault.reason} ({fault.path or f'line {fault.line}'})"
