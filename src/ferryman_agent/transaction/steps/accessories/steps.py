"""The steps that concern accessories: a deploy makes those that are missing; an operator replaces or removes one."""

from __future__ import annotations

from dataclasses import replace

from ferryman_agent.errors import AgentError
from ferryman_agent.host.logins import registry_of
from ferryman_agent.ledger import AccessoryRecord
from ferryman_agent.manifest import Accessory, parse_accessory
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.journal import StepEntry
from ferryman_agent.transaction.names import StepName
from ferryman_agent.transaction.steps.accessories import containers as accessories
from ferryman_agent.transaction.steps.accessories.containers import Source
from ferryman_agent.transaction.steps.step import Step, always
from ferryman_agent.transaction.transaction import Transaction


def _plan(facts: Facts) -> str | None:
    return facts.accessories or None


def _make_missing(transaction: Transaction, entry: StepEntry) -> None:
    """Have the accessories up, before anything that may need them."""
    host, app, release = transaction.host, transaction.app, transaction.candidate
    source = Source(transaction.manifest, release)
    entry.detail = accessories.described(host, app, source)

    def pull(accessory: Accessory) -> None:
        if host.engine.image(accessory.image) is None:
            # the call's credentials are for the registry of the app's image, and not for others to see
            is_same = registry_of(accessory.image) == registry_of(release.image)
            host.images.pull(accessory.image, transaction.credentials if is_same else None)

    accessories.make_missing(host, app, source, pull, transaction.journal.check_cancelled)


def _take_back(transaction: Transaction) -> None:
    """Those that this made go."""
    accessories.remove_candidates(transaction.host, transaction.app)


MAKE_MISSING = Step(StepName.ACCESSORIES, _plan, _make_missing, undo=_take_back)


def _keep_running(transaction: Transaction, entry: StepEntry) -> None:
    if not accessories.keep_running(transaction.host, transaction.app):
        entry.skip("they run")


KEEP_RUNNING = Step(StepName.ACCESSORIES, _plan, _keep_running, undo=_take_back)


def _record(transaction: Transaction) -> AccessoryRecord:
    assert transaction.record is not None  # noqa: S101 - `pull` comes first
    return transaction.record


def _pull_one(transaction: Transaction, entry: StepEntry) -> None:
    """Bring its image; one that is new gets its address."""
    (wanted,) = transaction.facts.records
    record = transaction.record = accessories.placed(transaction.host, wanted)
    image = parse_accessory(record.name, record.definition).image
    if transaction.host.engine.image(image):
        entry.skip("the image is here already")
    else:
        transaction.host.images.pull(image)


PULL_ONE = Step(StepName.PULL, always("the accessory's image"), _pull_one, undo=_take_back)


def _commit_one(transaction: Transaction, _: StepEntry) -> None:
    """What runs is replaced by what is committed here, as the release that serves defines it; volumes stay."""
    ledger, record = transaction.host.ledger, _record(transaction)
    known = [one for one in ledger.accessories(transaction.app.id) if one.name != record.name]
    remaining = [*known, replace(record, is_committed=True)]
    with transaction.journal.committing():
        ledger.commit_change(transaction.journal.deployment, {"degraded": ""}, remaining)


COMMIT_ONE = Step(StepName.COMMIT, always("the accessory is as the serving release defines it"), _commit_one)


def _bring_up(transaction: Transaction, entry: StepEntry) -> None:
    """Have the replacement in the place of what ran."""
    host, record, began = transaction.host, _record(transaction), transaction.host.stopwatch.seconds()
    accessories.keep_running(host, transaction.app)
    try:
        accessories.wait_until_up(host, replace(record, is_committed=True), lambda: None)
    except AgentError as error:
        if error.code != "accessory-failed":
            raise
        entry.detail = error.message
        transaction.open_ends.append(error.message)
        return
    entry.detail = f"{record.name} was away for {host.stopwatch.seconds() - began:.1f} s"


REPLACE_ONE = Step(StepName.ACCESSORIES, always("the old container stops, then the new one starts"), _bring_up)


def _commit_removal(transaction: Transaction, _: StepEntry) -> None:
    remaining = list(transaction.facts.records)
    with transaction.journal.committing():
        transaction.host.ledger.commit_change(transaction.journal.deployment, {"degraded": ""}, remaining)


COMMIT_REMOVAL = Step(StepName.COMMIT, always("the accessory is no part of the app any more"), _commit_removal)


def _remove_others(transaction: Transaction, _: StepEntry) -> None:
    remaining = transaction.host.ledger.accessories(transaction.app.id)
    accessories.remove_others(transaction.host, transaction.app, remaining)


REMOVE_ONE = Step(StepName.ACCESSORIES, always("its container goes, its volumes stay"), _remove_others)
