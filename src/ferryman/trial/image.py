"""The image as it would run: built, started without root on a read-only file system, stopped under load."""

from __future__ import annotations

import dataclasses
import json
import secrets
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from ferryman.config import Configuration
from ferryman.docker_command import docker_command
from ferryman.errors import FerrymanError
from ferryman.github.run import table
from ferryman.image.build import BuildRequest, BuiltImage, build_image
from ferryman.image.dockerfile import without_pins
from ferryman.rehearsal.stand_ins import Images
from ferryman.trial.audit import audit_packages
from ferryman.trial.base_image import check_bases
from ferryman.trial.container import Trial
from ferryman.trial.outcomes import CheckFailed, Outcomes
from ferryman.trial.postgresql import HERE, running_postgresql
from ferryman.trial.tools import find_tool, output, run

MEBIBYTE = 2**20
LARGEST_LAYERS = 5


def try_image(
    configuration: Configuration, variables: Mapping[str, str], outcomes: Outcomes, *, use_cache: bool = False
) -> None:
    """Carry the checks out. `use_cache`: build with layers from the registry."""
    dockerfile = configuration.root / configuration.app.context / configuration.app.dockerfile
    text = dockerfile.read_text(encoding="utf-8", errors="replace") if dockerfile.is_file() else ""
    if text:
        with outcomes.check("hadolint"):
            run([find_tool("hadolint"), str(dockerfile)], folder=configuration.root)
        check_bases(text, configuration.pipeline.base_days, variables, outcomes)
    image: BuiltImage | None = None
    with outcomes.check("build") as check:
        image = _build(configuration, text, use_cache=use_cache)
        check.detail = "this commit's image is here already" if image.was_there else image.revision[:12]
    if image:
        _check_size(configuration, image, outcomes)
        with _network() as network:
            _try(configuration, image, network, outcomes)
        with outcomes.check("pip-audit") as check:
            audit_packages(image.reference, check)
    outcomes.finish()


def _build(configuration: Configuration, dockerfile: str, *, use_cache: bool) -> BuiltImage:
    # Only those that the Dockerfile names: the image must be the one that `build` would make.
    _, used = without_pins(dockerfile, Images(lambda _: None).present_stand_ins())
    request = dataclasses.replace(
        BuildRequest.of(configuration),
        stand_ins=frozenset(used),
        use_cache=use_cache,
        on_line=lambda line: _tell(f"        {line}"),
    )
    try:
        return build_image(request)
    except FerrymanError as error:
        raise CheckFailed(f"{error.message} [{error.code}]") from error


def _tell(line: str) -> None:
    if line.strip():
        sys.stderr.write(f"{line}\n")


def _check_size(configuration: Configuration, image: BuiltImage, outcomes: Outcomes) -> None:
    budget = configuration.pipeline.image_budget
    rows = _layers(image.reference)[:LARGEST_LAYERS]
    outcomes.notes.append(table(["Largest layers", "MiB"], [[made, f"{size / MEBIBYTE:.1f}"] for size, made in rows]))
    with outcomes.check("size") as check:
        told = f"{image.size / MEBIBYTE:.0f} MiB of {budget / MEBIBYTE:.0f}"
        if image.size > budget:
            raise CheckFailed(f"{told}: over [pipeline] image_budget")
        check.detail = told


def _layers(reference: str) -> list[tuple[int, str]]:
    """The layers, largest first, each with the instruction that made it."""
    words = ["history", "--no-trunc", "--human=false", "--format", "{{json .}}", reference]
    found = [json.loads(line) for line in output([*docker_command(), *words], folder=HERE).splitlines()]
    return sorted(((int(row["Size"]), " ".join(row["CreatedBy"].split())[:90]) for row in found), reverse=True)


@contextmanager
def _network() -> Iterator[str]:
    name = f"ferryman-test-{secrets.token_hex(4)}"
    output([*docker_command(), "network", "create", name], folder=Path())
    try:
        yield name
    finally:
        output([*docker_command(), "network", "rm", name], folder=Path())


def _try(configuration: Configuration, image: BuiltImage, network: str, outcomes: Outcomes) -> None:
    if configuration.database is None:
        _run_and_stop(Trial(configuration, image.reference, network, "", ""), outcomes)
        return
    with outcomes.check("PostgreSQL") as started:
        with running_postgresql(configuration.database.version, network) as postgresql:
            trial = Trial(configuration, image.reference, network, postgresql.container, postgresql.inner_url)
            with outcomes.check("migrate") as check:
                trial.migrate(configuration.database)
                check.detail = " ".join(configuration.database.migrate)
            _run_and_stop(trial, outcomes)
        started.detail = f"version {configuration.database.version}"


def _run_and_stop(trial: Trial, outcomes: Outcomes) -> None:
    with trial.running():
        with outcomes.check("not root") as check:
            check.detail = f"uid {trial.uid()}"
        is_healthy = False
        with outcomes.check("healthy") as check:
            check.detail = trial.wait_until_healthy()
            is_healthy = True
        with outcomes.check("stops without losing a request") as check:
            if is_healthy:
                check.detail = trial.stop_under_load()
            else:
                check.skip("it was not healthy")
