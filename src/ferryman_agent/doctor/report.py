"""Pure: the doctor's findings as lines for a person."""

from __future__ import annotations

from typing import Any

WIDTH = 12


def lines(found: dict[str, Any]) -> list[str]:
    """What `examine` returns, one fact a line."""
    ledger, edge = found["ledger"], found["edge"]
    state = "whole" if ledger["state"] == "whole" else f"{ledger['message']} [{ledger['state']}]"
    told = [_line("ledger", state), _line("edge", edge["state"])]
    told += [_line("duty", stopped(duty)) for duty in found.get("duties", []) if not duty["alive"]]
    for notice in found["notices"]:
        told += [_line("notice", standing(notice)), _line("", f"next: {notice['next']}")]
    for app in found["apps"]:
        told += _app(app)
    told += [_line("removed", app) for app in found["removed"]]
    told += [_line("differs", difference) for difference in found["differences"]]
    told += [_line("unknown", unknown) for unknown in found["unknown"]]
    told += [_line("impossible", impossible) for impossible in found["impossible"]]
    told += [_line("lost", lost) for lost in found["lost"]]
    return told


def stopped(duty: dict[str, Any]) -> str:
    """What is told of a duty of the agent's that is not alive."""
    return f"{duty['name']} is not alive since {duty['since']}: {duty['error']}"


def standing(notice: dict[str, str]) -> str:
    """What is told of a notice that stands."""
    return f"{notice['severity']} since {notice['since']}: {notice['subject']}: {notice['message']}"


def _app(app: dict[str, Any]) -> list[str]:
    serves = f"release {app['serving']} serves in lane {app['lane']}" if app["serving"] else "nothing serves"
    state = f" ({app['state']})" if app["state"] else ""
    network = f"10.213.{app['subnet']}.0/24" if app["has_network"] else "no network"
    told = [_line("app", f"{app['app']}: {serves}{state}; slot {app['slot']}, {network}")]
    told.append(
        _line("", "containers: " + (", ".join(f"{n} {s}" for n, s in sorted(app["containers"].items())) or "none"))
    )
    kept = "" if app["has_folder"] else "; its folder is not there"
    gone = f"; not retained: {_numbers(app['not_retained'])}" if app["not_retained"] else ""
    told.append(_line("", f"releases: {_numbers(app['retained'])}{gone}{kept}"))
    told.append(_line("", f"versions of variables: {_numbers(app['environment_versions'])}"))
    return told


def _numbers(found: list[int]) -> str:
    return ", ".join(map(str, found)) or "none"


def _line(word: str, text: str) -> str:
    return f"{word:<{WIDTH}}{text}"
