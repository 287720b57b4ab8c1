"""The names of all steps: in journal, outcomes, plan, reports, and in the table of docs/commands.md."""

from __future__ import annotations

from ferryman_agent.ledger.states import Text


class StepName(Text):
    """A step of a transaction."""

    PREFLIGHT = "preflight"
    ROOM = "room"
    PULL = "pull"
    VOLUMES = "volumes"
    ACCESSORIES = "accessories"
    DATABASE = "database"
    STOP_OLD = "stop old"
    START_WEB = "start web"
    HEALTHY = "healthy"
    COMMIT = "commit"
    SWITCH = "switch"
    DRAIN = "drain"
    REMOVE_OLD = "remove old"
    ROLES = "roles"
    RETAIN = "retain"
    START_OLD = "start old"  # undoes `stop old`
    STOP = "stop"
    NETWORK = "network"
    IMAGES = "images"
    DATA = "data"
    FILES = "files"
