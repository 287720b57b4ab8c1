"""Rows about the workflows: each job of a push to main under act, with nothing kept from before, and with it kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from secrets import token_hex

from actions import Run
from django_shop import DjangoShop, make_django_shop
from shop import prepare, remove_images

from bench.stage import BenchFailed, Log
from bench.table import Row
from ferryman.rehearsal.engine import ensure_engine
from ferryman.rehearsal.ground import Ground

JOBS = ("Code quality", "Unit tests", "Docker tests", "Deploy to production")
BASE = " AS base\n"
NOTE = (
    "seconds of its steps under act, one job at a time on this machine, in one run each of a Django project as `init` "
    "takes it in. Cold: packages' caches are empty, and no layer above the base image is anywhere. Warm: a push that "
    "changes a word, with all of it kept. With the layers kept and the packages fetched anew:"
)


def workflow_rows(folder: Path, log: Log) -> list[Row]:
    """Three pushes to main: with nothing kept; with the layers; with the layers and the packages."""
    with _pushed_project(folder, log) as shop:
        shop.ship("First", word="zero")  # PostgreSQL and the edge come with the first deploy to a server
        _forget_layers(shop)
        runs = [
            _push(shop, word, _caches(folder / cache), log)
            for word, cache in (("one", "first"), ("two", "second"), ("three", "second"))
        ]
    return job_rows(*(_by_job(run) for run in runs))


def job_rows(cold: Mapping[str, float], layers: Mapping[str, float], warm: Mapping[str, float]) -> list[Row]:
    """Job → seconds, of the three pushes."""
    return [
        Row(
            f"job {job}: cold over warm",
            f"{cold[job]:.0f} s",
            f"{warm[job]:.0f} s",
            f"{cold[job] / warm[job]:.2f}",
            note=f"{NOTE} {layers[job]:.0f} s.",
        )
        for job in JOBS
    ]


@contextmanager
def _pushed_project(folder: Path, log: Log) -> Iterator[DjangoShop]:
    """A project with a server and a registry of its own; all of it is removed at the end."""
    ensure_engine(log)
    ground = Ground(_made(folder / "ground"), f"bench-{token_hex(3)}", log)
    try:
        ground.images.ensure_all()
        registry = ground.make_registry()
        server = ground.make_server([registry.state], with_engine=True)
        try:
            server.wait_engine()
            prepared = prepare(server, registry, _made(folder / "setup"))
            shop = make_django_shop(prepared, _made(folder / "shop"), prepared.pipeline_key.read_text())
            shop.runner.jobs = 1
            try:
                yield shop
            finally:
                remove_images(ground.docker, shop.image)
        finally:
            server.remove()
    finally:
        ground.down()


def _forget_layers(shop: DjangoShop) -> None:
    """Give the image's first stage a variable that no build had before: none of its layers is known to anybody."""
    path = shop.folder / "Dockerfile"
    text = path.read_text(encoding="utf-8")
    if BASE not in text:
        raise BenchFailed("bench-no-stage", "the Dockerfile that `init` wrote has no stage `base`")
    path.write_text(text.replace(BASE, f"{BASE}ENV BENCH_RUN={token_hex(8)}\n", 1), encoding="utf-8")


def _caches(folder: Path) -> dict[str, str]:
    """Where pip and uv keep packages."""
    return {"PIP_CACHE_DIR": str(folder / "pip"), "UV_CACHE_DIR": str(folder / "uv")}


def _push(shop: DjangoShop, word: str, caches: Mapping[str, str], log: Log) -> Run:
    before = shop.git("rev-parse", "HEAD")
    shop.commit(f"Say {word}", word=word)
    run = shop.push(before, variables=caches)
    if not run.is_green or shop.page() != word:
        raise BenchFailed("bench-run-failed", f"the push of {word!r} was not deployed:\n{run.log}")
    if not any(Path(caches["UV_CACHE_DIR"]).glob("archive-*/*")):  # uv's own marks stand beside, packages or none
        raise BenchFailed("bench-no-cache", "uv kept no package where it was told to")
    log(f"push of {word!r}: " + ", ".join(f"{job} {seconds:.1f} s" for job, seconds in _by_job(run).items()))
    return run


def _by_job(run: Run) -> dict[str, float]:
    """Job → seconds; a called workflow's name stands before those of its jobs."""
    return {job.rpartition("/")[2]: seconds for job, seconds in run.job_seconds().items()}


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder
