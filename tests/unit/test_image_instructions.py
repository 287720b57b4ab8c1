"""Dockerfiles, read: the images that a build needs."""

from __future__ import annotations

from ferryman.image.instructions import base_images

TEXT = f"""\
ARG PYTHON=python:3.13-slim
FROM node:24-slim AS assets
FROM ${{PYTHON}} AS base
COPY --from=assets /app /app
COPY --from=tools.example.com/uv:0.8@sha256:{"0" * 64} /uv /bin/
FROM --platform=$BUILDPLATFORM base AS last
COPY --from=0 /x /x
"""


def test_base_images_are_all_that_a_build_pulls() -> None:
    assert base_images(TEXT) == ["node:24-slim", "python:3.13-slim", "tools.example.com/uv:0.8"]


def test_a_stage_and_scratch_are_no_images() -> None:
    assert base_images("FROM scratch AS a\nFROM a\nCOPY --from=a / /\n") == []
