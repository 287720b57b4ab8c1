"""Rows about seconds: deploy and rollback up to the commit, and a rehearsal cold and warm."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.by_hand import ByHand, start_by_hand
from bench.stage import Stage, Transaction
from bench.table import Row

RATIO_LIMIT = 1.3


def deploy_rows(stage: Stage, repeats: int) -> list[Row]:
    """Starts by hand and deploys of the same image, alternating; each image changes a word and is new to the server."""
    deploys: list[Transaction] = []
    floors: list[ByHand] = []
    for image in [stage.ship_word() for _ in range(repeats)]:
        floors.append(start_by_hand(stage, stage.reference(image), pull=True))
        deploys.append(stage.deploy(image))
    stage.log(f"deploy, medians of the server's steps: {_steps(deploys)}")
    pulls, starts = median(floor.pull for floor in floors), median(floor.start for floor in floors)
    stage.log(f"by hand: pull {pulls:.2f} s, start to healthy {starts:.2f} s")
    return _ratio_rows(
        "deploy of a changed word, from the end of the push to the commit",
        [deploy.to_commit for deploy in deploys],
        floors,
        f"{repeats} commits that change a word on the page, each started by hand (and removed with its image), then "
        "deployed; medians, both at the client. Deploy: from sending the request to the arrival of the commit's event. "
        "Floor: from starting ssh to hearing of the first 200 of a script that does `docker pull` by digest, `docker "
        "run` with the limits, environment and network of the serving container, and a poll every 20 ms.",
    )


def rollback_rows(stage: Stage, repeats: int) -> list[Row]:
    """Rollbacks between two releases and starts by hand of the same image, alternating."""
    newest = stage.deploy(stage.ship_word()).release
    older = stage.rollback().release
    rollbacks: list[Transaction] = []
    floors: list[ByHand] = []
    for turn in range(repeats):
        rollbacks.append(stage.rollback(older if turn % 2 else newest))
        floors.append(start_by_hand(stage, stage.inspected()["Config"]["Image"], pull=False))
    stage.log(f"rollback, medians of the server's steps: {_steps(rollbacks)}")
    return _ratio_rows(
        "rollback, to the commit",
        [rollback.to_commit for rollback in rollbacks],
        floors,
        f"{repeats} rollbacks to a named release alternating with {repeats} starts by hand of the same image on the "
        "same server; medians, both at the client. Rollback: from sending the request to the commit's event. Floor: "
        "from starting ssh to hearing of the first 200 of a script that does `docker run` and polls.",
    )


def rehearsal_row(seconds: Sequence[float]) -> Row:
    """`seconds` of the first rehearsal, and of the second."""
    cold, warm = seconds
    return Row(
        "rehearsal: second run over the first",
        f"{warm:.1f} s",
        f"{cold:.1f} s",
        f"{warm / cold:.2f}",
        note="`ferryman rehearse` in a fresh clone, where images that stand in for Docker Hub's are there and the "
        "builder's cache is warm, but no registry, no server and no image of this commit; then the same again.",
    )


def _ratio_rows(claim: str, measured: list[float], floors: list[ByHand], note: str) -> list[Row]:
    """Against the floor with the SSH login that a person needs too; then against the floor alone, which has none."""
    floor = [by_hand.at_client for by_hand in floors]
    ratio = median(measured) / median(floor)
    alone = median(by_hand.on_server for by_hand in floors)
    spread = f"{min(measured):.2f} to {max(measured):.2f} s; floor {min(floor):.2f} to {max(floor):.2f} s"
    seconds = f"{median(measured):.2f} s"
    return [
        Row(
            claim,
            seconds,
            f"{median(floor):.2f} s",
            f"{ratio:.2f}",
            f"{RATIO_LIMIT}",
            ratio <= RATIO_LIMIT,
            f"{note} Spread: {spread}.",
        ),
        Row(
            "  the same, with an SSH login on our side alone",
            seconds,
            f"{alone:.2f} s",
            f"{median(measured) / alone:.2f}",
            note=f"{claim}: the same runs; the floor's script timed on the server, so without its login.",
        ),
    ]


def _steps(transactions: list[Transaction]) -> str:
    names = dict.fromkeys(name for transaction in transactions for name in transaction.steps)
    found = {name: median(t.steps[name] for t in transactions if name in t.steps) for name in names}
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in found.items())
