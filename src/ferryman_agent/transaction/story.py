"""The story of each kind of transaction: its steps before the commit, the commit, its steps after it, in their order.

Before the commit nothing that serves is touched, and all is undone backwards when a step fails. After it nothing is
undone, and what can't be done now is left to the reconciliation. `ferryman plan` shows the same list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ferryman_agent.ledger import Kind
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.steps import Step
from ferryman_agent.transaction.steps.accessories import steps as accessory
from ferryman_agent.transaction.steps.commit import COMMIT_RELEASE, COMMIT_TURNS
from ferryman_agent.transaction.steps.database import MIGRATE, POSTGRESQL
from ferryman_agent.transaction.steps.downtime import STOP_SERVING
from ferryman_agent.transaction.steps.preflight import PREFLIGHT
from ferryman_agent.transaction.steps.pull import PULL
from ferryman_agent.transaction.steps.roles import ROLES
from ferryman_agent.transaction.steps.room import ROOM, ROOM_TO_RESTART
from ferryman_agent.transaction.steps.switchover import DRAIN, REMOVE_OLD, STOP_OLD, SWITCH
from ferryman_agent.transaction.steps.teardown import removal, stopping
from ferryman_agent.transaction.steps.teardown.retention import RETAIN
from ferryman_agent.transaction.steps.volumes import VOLUMES
from ferryman_agent.transaction.steps.web import HEALTHY, START_WEB
from ferryman_agent.transaction.transaction import Transaction


@dataclass(frozen=True)
class Story:
    """The steps of one kind of transaction; nobody waits for `rest`. `end` is called last, in an outcome's place."""

    before: tuple[Step, ...]
    commit: Step
    after: tuple[Step, ...]
    rest: tuple[Step, ...] = ()
    end: Callable[[Transaction], None] | None = None


PREPARE = (PREFLIGHT, ROOM, PULL, VOLUMES, accessory.MAKE_MISSING, MIGRATE)
PREPARE_AGAIN = (PREFLIGHT, ROOM_TO_RESTART, PULL, VOLUMES, accessory.KEEP_RUNNING, POSTGRESQL)
BESIDE, TAKE_OVER = (START_WEB, HEALTHY), (SWITCH, DRAIN, ROLES)
IN_PLACE = (STOP_SERVING, START_WEB, HEALTHY)

DEPLOY = Story((*PREPARE, *BESIDE), COMMIT_RELEASE, TAKE_OVER, (STOP_OLD, RETAIN))
DEPLOY_RECREATE = Story((*PREPARE, *IN_PLACE), COMMIT_RELEASE, (REMOVE_OLD, ROLES), (RETAIN,))
RESTART = Story((*PREPARE_AGAIN, *BESIDE), COMMIT_TURNS, TAKE_OVER, (STOP_OLD,))
RESTART_RECREATE = Story((*PREPARE_AGAIN, *IN_PLACE), COMMIT_TURNS, (REMOVE_OLD, ROLES))
RESTART_ROLE = Story((PREFLIGHT,), COMMIT_TURNS, (ROLES,))
RESTART_ACCESSORY = Story((PREFLIGHT, accessory.PULL_ONE), accessory.COMMIT_ONE, (accessory.REPLACE_ONE,))
STOP = Story((PREFLIGHT,), stopping.COMMIT_STOP, (stopping.ANSWER_INSTEAD, stopping.DRAIN_SERVING, stopping.STOP))
MAINTENANCE = Story((PREFLIGHT,), stopping.COMMIT_MAINTENANCE, (stopping.SHOW_MAINTENANCE,))
REMOVE = Story((PREFLIGHT,), removal.COMMIT_REMOVAL, removal.STEPS, end=removal.end)
REMOVE_ONE = Story((PREFLIGHT,), accessory.COMMIT_REMOVAL, (accessory.REMOVE_ONE,))
OTHERS = {Kind.STOP: STOP, Kind.MAINTENANCE: MAINTENANCE, Kind.REMOVE: REMOVE, Kind.ACCESSORY_REMOVE: REMOVE_ONE}


def story_of(facts: Facts) -> Story:
    """Pure: the story of what was asked; deploy and rollback have the same one."""
    kind, is_published = facts.order.kind, facts.is_published
    if kind in (Kind.DEPLOY, Kind.ROLLBACK):
        return DEPLOY_RECREATE if is_published else DEPLOY
    if kind in (Kind.RESTART, Kind.START):
        if facts.replaces_web:
            return RESTART_RECREATE if is_published else RESTART
        return RESTART_ACCESSORY if facts.records else RESTART_ROLE
    return OTHERS[kind]


def planned(story: Story, facts: Facts) -> dict[Step, str]:
    """Pure: the steps that this change has, each with what it would do, as far as that is known before."""
    steps = story.before[:1] if facts.unchanged else (*story.before, story.commit, *story.after, *story.rest)
    texts = {step: step.plan(facts) for step in steps}
    return {step: text for step, text in texts.items() if text is not None}
