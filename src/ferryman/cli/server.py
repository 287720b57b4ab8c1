"""server setup, server reports: a server that the pipeline can deploy to."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ferryman.cli.messages import messages
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, print_json
from ferryman.errors import UsageError

if TYPE_CHECKING:
    from ferryman.server import HostKeyQuestion, SetupOutcome, SetupStep

command = typer.Typer(no_args_is_help=True, help="Set a server up.")
STATE_FOLDER = ".ferryman"


@command.command("setup")
def setup(  # noqa: PLR0913, PLR0917 - each is an option of the command
    to: Annotated[str, typer.Option("--to", help="Environment of ferryman.toml.", metavar="NAME")],
    admin: Annotated[str, typer.Option("--admin", help="Your own user there: root, or one with sudo.")] = "root",
    identity: Annotated[Path | None, typer.Option("--identity", help="Your private key; ssh's choice without.")] = None,
    fingerprint: Annotated[str | None, typer.Option("--fingerprint", help="SHA256:… of the server's host key.")] = None,
    pipeline_key: Annotated[Path | None, typer.Option("--pipeline-key", help="Public key; made without.")] = None,
    operator_key: Annotated[list[Path] | None, typer.Option("--operator-key", help="Public key; repeatable.")] = None,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Install engine, agent, deploy user and keys over your own SSH access; run again, it changes nothing."""
    from ferryman.config import load_configuration, resolve_environment
    from ferryman.link import Target
    from ferryman.server import SetupRequest, setup_server

    configuration = load_configuration(config)
    environment = resolve_environment(configuration, to, os.environ)
    target = Target(environment.host, environment.port, environment.user, environment.host_key or "", None, to)
    request = SetupRequest(
        target=target,
        state_directory=configuration.root / STATE_FOLDER,
        configuration=config,
        admin_user=admin,
        admin_identity=identity,
        fingerprint=fingerprint,
        pipeline_key=pipeline_key,
        operator_keys=tuple(operator_key or ()),
    )
    outcome = setup_server(request, _show, _confirm if sys.stdin.isatty() else None)
    _show_outcome(outcome, as_json=as_json)


def _show(step: SetupStep) -> None:
    mark = "changed" if step.changed else "ok"
    messages.print(f"{mark:<8} {step.step:<16} {step.detail}")


def _confirm(question: HostKeyQuestion) -> bool:
    messages.print(f"{question.address} shows a {question.kind} key: {question.fingerprint}")
    return typer.confirm("Is this the server's key?", err=True)


def _show_outcome(outcome: SetupOutcome, *, as_json: bool) -> None:
    private = outcome.pipeline_key.private
    if as_json:
        keys = {"host_key": outcome.host_key.text, "pipeline_key": str(private) if private else None}
        print_json({"changed": outcome.changed, "engine": outcome.engine, "agent": outcome.agent, **keys})
        return
    typer.echo(f"{outcome.changed} changes; engine {outcome.engine}, agent {outcome.agent}")
    if private:
        messages.print(f"the pipeline's private key, for GitHub's secret VPS_SSH_KEY: {private}")


@command.command("reports")
def reports(
    url: Annotated[str | None, typer.Argument(help="Harbour's address; [reports] url without it.")] = None,
    to: To = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Let the server report its deployments to a Harbour; the token is read from standard input."""
    target = destination(config, to)
    reports = target.configuration.reports
    address = url or (reports.url if reports else None)
    if not address:
        raise UsageError("url-missing", "where to? no URL was given, and [reports] has no url")
    token = typer.prompt("token", hide_input=True) if sys.stdin.isatty() else sys.stdin.read().strip()
    if not token:
        raise UsageError("token-missing", "no token on standard input", hint="ferryman server reports URL < token-file")
    target.link.request("reports.set", {"url": address, "token": token})
    typer.echo(f"reports go to {address}")
