"""verify: the service, asked as its users reach it."""

from __future__ import annotations

import typer

from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, print_json


def verify(to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG) -> None:
    """Ask the service for its health from here, as its users reach it."""
    from ferryman.shipping.outside import check_from_outside

    answer = check_from_outside(destination(config, to))
    if answer is not None:
        shown = {"url": answer.url, "status": answer.status, "seconds": round(answer.seconds, 3)}
        if as_json:
            print_json(shown)
        else:
            typer.echo(str(answer))


command = verify
