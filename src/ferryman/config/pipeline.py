"""The section [pipeline]: what is tested before a deploy, and the limits that the tests hold."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ferryman.config.fields import Allowed, Command, InnerPath, Memory, Section
from ferryman.config.quantities import parse_size

Paths = Annotated[
    tuple[InnerPath, ...], Field(strict=False), Allowed('an array of paths, such as ["requirements-dev.txt"]')
]


class Pipeline(Section):
    """What the workflows run before a deploy."""

    source: InnerPath | None = Field(
        default=None, description="The folder of manage.py and the tests; the app's context without it"
    )
    python: Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}$"), Allowed('a version such as "3.13"')] = Field(
        default="3.13", description="The Python that lint and tests run with"
    )
    requirements: Paths = Field(
        default=(), description="Files with the app's locked dependencies; found by themselves without it"
    )
    test_requirements: Paths = Field(default=(), description="Files with what the tests need beyond them")
    lint: Command = Field(default=(), description="A linter of your own, in place of Ruff and Black")
    test: Command = Field(default=(), description="A test command of your own, in place of pytest with coverage")
    coverage: Annotated[int, Field(ge=0, le=100), Allowed("an integer from 0 to 100")] = Field(
        default=80, description="The share of lines that the tests must reach, in percent"
    )
    image_budget: Memory = Field(
        default=parse_size("512m"),
        description="The largest image that passes, its base included",
        json_schema_extra={"default": "512m"},
    )
    base_days: Annotated[int, Field(ge=1, le=3650), Allowed("a number of days from 1 to 3650")] = Field(
        default=180, description="How old the base image may be, in days"
    )
    ferryman: InnerPath | None = Field(
        default=None, description="The folder of Ferryman itself; for Ferryman's own repository"
    )
