"""The row about loss: requests that fail while releases change."""

from __future__ import annotations

import base64
import time

from bench.load import SHOWN_FAULTS, Load
from bench.stage import BenchFailed, Stage
from bench.table import Row

SETTLE_SECONDS = 1.0


def loss_row(stage: Stage, changes: int) -> Row:
    """Deploys and rollbacks in turn, under load."""
    load = Load(stage.url, server_token(stage))
    images = [stage.ship_word() for _ in range(changes // 2)]
    with load.running() as tally:
        time.sleep(SETTLE_SECONDS)
        for image in images:
            stage.deploy(image)
            stage.rollback()
        time.sleep(SETTLE_SECONDS)
    for fault in tally.faults[:SHOWN_FAULTS]:
        stage.log(f"failed under load: {fault}")
    return Row(
        f"failed requests over {changes // 2} deploys and {changes // 2} rollbacks",
        f"{len(tally.faults)} of {tally.requests}",
        "",
        "",
        "0",
        not tally.faults,
        "two clients that GET /api/v1/deployments/, two that POST a report with a server's token to /api/v1/reports/ "
        f"(read, checked and answered with 200), and one whose POST takes 1.5 s to send its body ({tally.slow} of "
        "those); all keep their connection, none retries, anything but 200 is a failure.",
    )


def server_token(stage: Stage) -> str:
    """A token of the bench's own, made in Harbour."""
    command = ["python", "manage.py", "create_server_token", "--server", "bench"]
    output = b""
    with stage.destination.link.open(
        "exec", {**stage.destination.app, "role": "web", "command": command}
    ) as conversation:
        conversation.send({"eof": True})
        for message in conversation:
            event = message.get("event", {})
            if event.get("kind") == "output" and event["stream"] == "stdout":
                output += base64.b64decode(event["data"])
        if conversation.result["exit_code"] != 0:
            raise BenchFailed("bench-token", "Harbour made no token")
    return output.decode().strip()
