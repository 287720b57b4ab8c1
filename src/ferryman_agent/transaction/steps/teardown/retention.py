"""Retention: the last healthy releases are kept by digest; images beyond them go."""

from __future__ import annotations

import shutil

from ferryman_agent.host import Host
from ferryman_agent.ledger import App, Release, ReleaseState
from ferryman_agent.ledger.states import HELD
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.steps.step import Step
from ferryman_agent.transaction.transaction import Transaction

GOING = frozenset({ReleaseState.HEALTHY, ReleaseState.FAILED})


def beyond(app: App, releases: list[Release], retain: int, before: int | None = None) -> list[Release]:
    """Pure: the releases that retention does not hold (newest first given). Failures never evict a healthy one.

    The release that served `before` is held too, however old it is: it is where the next rollback goes.
    """
    healthy = [release for release in releases if release.state is ReleaseState.HEALTHY]
    kept = {release.number for release in healthy[:retain]} | {app.serving, before}
    return [r for r in releases if r.number not in kept and r.state in GOING]


def held_by_others(host: Host, app_id: str) -> set[str]:
    """The images that other apps on this server retain."""
    others = [app.id for app in host.ledger.apps() if app.id != app_id]
    return {r.reference for other in others for r in host.ledger.releases(other) if r.state in HELD}


def unheld(host: Host, app: App, keep: int = 0) -> list[Release]:
    """The releases of an app beyond retention, newest first, without `keep` and those that a scheduled command runs."""
    current = host.ledger.app(app.id) or app
    releases = host.ledger.releases(app.id)
    serving = next((r for r in releases if r.number == current.serving), None)
    retain = int(serving.manifest["retain"]) if serving else 1
    found = beyond(current, releases, retain, host.ledger.served_before(app.id))
    in_use = {keep} | {run.release for run in host.ledger.unfinished_runs() if run.app == app.id}
    return [release for release in found if release.number not in in_use]


def only_held_by(host: Host, app: App, going: list[Release]) -> set[str]:
    """The images of these releases that nothing else on this server retains."""
    numbers = {release.number for release in going}
    own = {r.reference for r in host.ledger.releases(app.id) if r.state in HELD and r.number not in numbers}
    return {release.reference for release in going} - own - held_by_others(host, app.id)


def prune(host: Host, app: App, keep: int = 0) -> int:
    """Remove the images and folders of releases beyond retention, but `keep`; returns how many images went."""
    going = unheld(host, app, keep)
    gone = [reference for reference in only_held_by(host, app, going) if host.engine.remove_image(reference)]
    for release in going:
        shutil.rmtree(host.secrets.app_folder(app.id) / "releases" / str(release.number), ignore_errors=True)
    host.ledger.mark_releases(app.id, _numbers(going, ReleaseState.HEALTHY), ReleaseState.PRUNED)
    host.ledger.mark_releases(app.id, _numbers(going, ReleaseState.FAILED), ReleaseState.FAILED_PRUNED)
    return len(gone)


def _numbers(releases: list[Release], state: ReleaseState) -> list[int]:
    return [release.number for release in releases if release.state is state]


def _plan(facts: Facts) -> str:
    return f"keep the last {facts.wanted.retain} healthy releases"


def _retain(transaction: Transaction, entry: StepEntry) -> None:
    entry.detail = f"{prune(transaction.host, transaction.app)} images removed"


RETAIN = Step(StepName.RETAIN, _plan, _retain, tries=1, is_repeated_later=True)  # by the next deploy
