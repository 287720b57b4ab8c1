"""logs: the log of a container of an app, or of a schedule's run."""

from __future__ import annotations

import threading
from typing import Any

from ferryman_agent.host.serving import committed
from ferryman_agent.requests.call import Call
from ferryman_agent.requests.containers import container_of, running_schedule
from ferryman_agent.requests.run import send_kept_log
from ferryman_agent.requests.watching import until_gone
from ferryman_agent.transaction.orders.deploying import known_app
from ferryman_agent.transaction.orders.parameters import whole_number


def logs(call: Call) -> dict[str, Any]:
    """Send the log of a role's container; with `follow` until the caller leaves or the container ends."""
    tail = whole_number(call.params, "tail")
    ended = _ended_schedule(call)
    if ended:
        send_kept_log(call, *ended, tail)
        return {"container": ""}
    name = container_of(call)
    if call.params.get("follow") is True:
        stop, output = call.host.engine.follow_logs(name, tail)
        threading.Thread(target=until_gone, args=(call, stop), daemon=True).start()
    else:
        output = call.host.engine.logs(name, tail=tail)
    for stream, chunk in output:
        text = chunk.decode(errors="replace")
        call.channel.event({"kind": "log", "stream": stream, "text": text})
    return {"container": name}


def _ended_schedule(call: Call) -> tuple[str, str] | None:
    """(app, schedule) when the log of a schedule is asked for of which no run is under way."""
    app, role = known_app(call.host.ledger, call.params), call.params.get("role")
    target = committed(call.host, app)
    if target is None or role not in target.manifest.schedules or running_schedule(call, app.id, str(role)):
        return None
    return app.id, str(role)
