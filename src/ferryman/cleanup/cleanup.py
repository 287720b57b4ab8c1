"""Carries a clean-up out: branches on GitHub, images on the servers, images in the registry; each part by itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from ferryman.cleanup.images import Plan, Retained, Rules, Shares, plan_images
from ferryman.cleanup.report import Failure, ImageReport, KeptImage, RemovedImage, Report, ServerReport
from ferryman.cleanup.stores import Store, open_store
from ferryman.config import Configuration, load_configuration, resolve_environment
from ferryman.destination import REHEARSAL, Destination
from ferryman.environments import find_destination
from ferryman.errors import MALFORMED, FerrymanError, Unreachable, UsageError
from ferryman.github.api import GitHub, find_access
from ferryman.github.branches import BranchReport, clean_branches
from ferryman.image.credentials import Credentials, find_credentials
from ferryman.image.reference import Reference, rerouted, split_reference

PARTS = ("branches", "images", "server")
HELD_STATES = ("healthy", "candidate")
OnLine = Callable[[str], None]


@dataclass(frozen=True)
class Order:
    """What to clean up. `environments` empty: all of ferryman.toml. `parts` are of PARTS."""

    config: Path
    environments: tuple[str, ...] = ()
    parts: frozenset[str] = frozenset(PARTS)
    is_dry: bool = False


@dataclass(frozen=True)
class Surroundings:
    """Where the effects go, and what time it is."""

    variables: Mapping[str, str]
    now: datetime
    on_line: OnLine
    find: Callable[[Path, str | None, Mapping[str, str]], Destination] = find_destination
    open_store: Callable[[Reference, Credentials | None], Store] = open_store


def clean_up(order: Order, around: Surroundings, report: Report | None = None) -> Report:
    """Clean up; what fails is noted in the report, and the other parts go on.

    A report that is given is filled: it has what was done when a signal ends this. UsageError and ConfigurationError
    come before anything is changed.
    """
    configuration = load_configuration(order.config)
    unknown = [name for name in order.environments if name not in (*configuration.environments, REHEARSAL)]
    if unknown:
        resolve_environment(configuration, unknown[0], around.variables)  # which says what there is
    report = report or Report(order.is_dry)
    work: list[tuple[str, Callable[[], None]]] = []
    if "branches" in order.parts:
        github = GitHub(find_access(around.variables))
        report.branches = BranchReport(github.repository)
        work.append(("branches", partial(_branches, github, configuration, report, around)))
    if {"images", "server"} & order.parts:
        work += _on_servers(order, configuration, report, around)
    for part, act in work:
        try:
            act()
        except FerrymanError as error:
            report.failures.append(Failure.of(part, error))
        except MALFORMED as error:
            told = f"an answer is not what its API describes ({error!r})"
            report.failures.append(Failure.of(part, Unreachable("answer-malformed", told, hint="try again")))
    return report


def _branches(github: GitHub, configuration: Configuration, report: Report, around: Surroundings) -> None:
    assert report.branches is not None  # noqa: S101 - made before
    patterns = configuration.cleanup.keep_branches
    with closing(github):
        clean_branches(github, patterns, report.branches, is_dry=report.is_dry, on_line=around.on_line)


def _on_servers(
    order: Order, configuration: Configuration, report: Report, around: Surroundings
) -> list[tuple[str, Callable[[], None]]]:
    """Every environment's server, then each repository; a repository is asked about by all environments that use it."""
    chosen = order.environments or tuple(configuration.environments)
    places = Places(order.config, around)
    work: list[tuple[str, Callable[[], None]]] = []
    if "server" in order.parts:
        work += [(f"server of {name}", partial(_server, places, name, report)) for name in chosen]
    if "images" in order.parts:
        groups = [tuple(configuration.environments)] if set(chosen) - {REHEARSAL} or not chosen else []
        groups += [(REHEARSAL,)] if REHEARSAL in chosen else []
        work += [("images", partial(_images, places, names, report)) for names in groups]
    return work


@dataclass(frozen=True)
class Places:
    """The environments by name."""

    config: Path
    around: Surroundings

    def find(self, name: str) -> Destination:
        """One of them."""
        return self.around.find(self.config, name, self.around.variables)


def _server(places: Places, name: str, report: Report) -> None:
    destination = places.find(name)
    found = destination.link.request("prune", {**destination.app, "dry_run": report.is_dry})
    report.servers.append(ServerReport(destination.name, found["images"], found["bytes"], found["busy"]))


def _images(places: Places, names: Sequence[str], report: Report) -> None:
    """The registry is looked at first and the environments are asked then: what is deployed meanwhile stays."""
    if not names:
        raise UsageError("environment-missing", "no environment says which images are in use, so none was removed")
    destinations = [_reachable(places, name) for name in names]
    first = destinations[0]
    reference = split_reference(rerouted(first.configuration.app.image, first.registry))
    settings, around = first.configuration.cleanup, places.around
    with closing(around.open_store(reference, find_credentials(reference, around.variables))) as store:
        around.on_line(f"looking at {reference}")
        looked = store.look()
        retained = _retained(destinations)
        plan = plan_images(looked, retained, Rules(settings.keep_images, settings.keep_days), around.now)
        found = ImageReport(str(reference))
        report.images.append(found)
        found.kept += [KeptImage(image.digest, image.tags, why) for image, why in plan.kept]
        _remove(store, plan, found, is_dry=report.is_dry)


def _reachable(places: Places, name: str) -> Destination:
    try:
        return places.find(name)
    except FerrymanError as error:
        raise _not_asked(name, error) from None


def _remove(store: Store, plan: Plan, found: ImageReport, *, is_dry: bool) -> None:
    named = store.named_since([*plan.going, *(image for image, _ in plan.kept)]) if plan.going else frozenset()
    kept = frozenset(digest for image, _ in plan.kept for digest in (image.digest, *image.children)) | named
    kept |= {image.digest for image in plan.going}  # each of these goes in its own turn
    shares = Shares([*plan.going, *(image for image, _ in plan.kept)])
    for image in plan.going:
        if image.digest in named:
            found.kept.append(KeptImage(image.digest, image.tags, "got another tag meanwhile"))
        elif is_dry or store.remove(image, kept):
            found.removed.append(RemovedImage(image.digest, image.tags, shares.without(image)))
        else:
            found.kept.append(KeptImage(image.digest, image.tags, "gone already"))


def _retained(destinations: Sequence[Destination]) -> Retained:
    """What every environment's server retains, serves, or is about to deploy."""
    digests: dict[str, str] = {}
    revisions: dict[str, str] = {}
    coming: dict[str, str] = {}
    for destination in destinations:
        try:
            asked = _ask(destination)
        except FerrymanError as error:
            raise _not_asked(destination.name, error) from None
        for where, releases, status in asked:
            held = [r for r in releases if r["serving"] or r["state"] in HELD_STATES]
            digests |= {str(release["digest"]): where for release in held}
            revisions |= {str(release["revision"]): where for release in held}
            turns = [status.get("running"), *(status.get("waiting") or [])]
            coming |= {str(found["revision"]): where for found in turns if found and found.get("revision")}
    return Retained(digests, coming, revisions)


def _ask(destination: Destination) -> list[tuple[str, list[dict[str, Any]], dict[str, Any]]]:
    """Where, the releases, and the status of each app on its server: one that had another name may serve there too.

    Who waits is asked first: a deploy that begins meanwhile is then in the releases.
    """
    found = []
    for status in destination.link.request("status", {})["apps"]:
        named = {name: status[name] for name in ("app", "environment")}
        is_own = named == destination.app
        where = destination.name if is_own else f"{named['app']}.{named['environment']} ({destination.name})"
        try:
            found.append((where, destination.link.request("releases", named)["releases"], status))
        except FerrymanError as error:
            if error.code != "unknown-app":  # it was removed in between
                raise
    return found


def _not_asked(name: str, error: FerrymanError) -> FerrymanError:
    """The same error; what it means for the images."""
    message = f"{name} can't be asked which images it retains, so none was removed: {error.message}"
    return type(error)(error.code, message, state=error.state, hint=error.hint)
