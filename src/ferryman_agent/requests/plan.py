"""plan: the steps that a deploy or a rollback would take; changes nothing."""

from __future__ import annotations

from typing import Any

from ferryman_agent.requests.call import Call
from ferryman_agent.transaction.facts import Facts
from ferryman_agent.transaction.orders import RollbackOrder
from ferryman_agent.transaction.orders.deploying import known_app, parse_deploy
from ferryman_agent.transaction.orders.parameters import whole_number
from ferryman_agent.transaction.runs.looking import look, with_migrations
from ferryman_agent.transaction.steps.preflight import missing_variables
from ferryman_agent.transaction.story import planned, story_of


def plan(call: Call) -> dict[str, Any]:
    """What a deploy or a rollback would do."""
    if call.params.get("kind") == "rollback":
        app = known_app(call.host.ledger, call.params)
        facts = look(call.host, RollbackOrder(app.id, whole_number(call.params, "to"), None), app)
    else:
        order = parse_deploy(call.params)
        facts = look(call.host, order, call.host.ledger.app(order.app_id))
    facts = with_migrations(call.host, facts)
    steps = planned(story_of(facts), facts)
    manifest, release, serving = facts.wanted, facts.release, facts.serving
    return {
        "app": manifest.app,
        "environment": manifest.environment,
        "serving": serving.summary() if serving else None,
        "release": release.summary() if release else None,
        "unchanged": bool(facts.unchanged),
        "refused": [f"ferryman.toml requires {name}, which is not set" for name in _missing(call, facts)],
        "steps": [] if facts.unchanged else [{"step": step.name, "detail": text} for step, text in steps.items()],
        **facts.commits.as_json(),
    }


def _missing(call: Call, facts: Facts) -> list[str]:
    version = facts.release.environment_version if facts.release else 0
    _, stored = call.host.ledger.environment(facts.wanted.app_id, version)
    return missing_variables(facts.wanted, stored)
