"""build, deploy, rollback, plan."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from ferryman.cli.display import Steps, brought, down
from ferryman.cli.options import (
    DEFAULT_CONFIG,
    AsJson,
    Config,
    To,
    Verbose,
    destination,
    duration,
    messages,
    print_json,
)
from ferryman.deploy import (
    DeployOptions,
    deploy_parameters,
    move_latest,
    registry_credentials,
    ship_image,
)
from ferryman.destination import Destination, find_workshop
from ferryman.errors import DeployFailed, FerrymanError
from ferryman.events import OnEvent, step
from ferryman.interruption import Signals
from ferryman.outside import check_from_outside, health_address
from ferryman.retained import release_number
from ferryman.spectator import ask_transaction, turn_parameters
from ferryman.workflows.shipping import ShippingReport, reported

plan = typer.Typer(no_args_is_help=True, help="Show what a deploy or a rollback would do; change nothing.")

Revision = Annotated[str | None, typer.Option("--revision", help="Commit, tag or branch; HEAD without it.")]
AllowDirty = Annotated[bool, typer.Option("--allow-dirty", help="Build the working tree, and label the image so.")]
Sequence = Annotated[int | None, typer.Option("--sequence", help="CI run number: an older one is refused.", min=0)]
Wait = Annotated[bool, typer.Option("--wait", help="Wait while another deploy of the app runs.")]
WaitTimeout = Annotated[
    float | None,
    typer.Option("--wait-timeout", parser=duration, metavar="TIME", help="At most: 90s, 1h; 30m without it."),
]
CancelRunning = Annotated[
    bool, typer.Option("--cancel-running", help="Cancel what runs, unless it is committed, and go on.")
]
ToRelease = Annotated[str, typer.Argument(help="Number or revision; the previous healthy one without it.")]
Verify = Annotated[bool, typer.Option("--verify", help="Ask the service from here; only then move `latest`.")]


def build(  # noqa: PLR0913, PLR0917 - each is an option of the command
    to: To = None,
    revision: Revision = None,
    allow_dirty: AllowDirty = False,
    cache: Annotated[
        bool, typer.Option("--cache", help="Take layers from the registry, and leave them there.")
    ] = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Build the image of a commit and push it."""
    target = find_workshop(config, to)
    options = DeployOptions(revision=revision, allow_dirty=allow_dirty, use_cache=cache)
    with Steps(messages, is_verbose=verbose) as steps:
        image = ship_image(target, options, os.environ, steps.show)
    if image.unread:
        messages.print(f"migrations not recorded: {image.unread}", markup=False)
    if as_json:
        shown = {"revision": image.revision, "digest": image.digest, "size_bytes": image.size}
        print_json({**shown, "pushed_bytes": image.sent_bytes})
    else:
        typer.echo(f"{target.configuration.app.image}@{image.digest}")


def deploy(  # noqa: PLR0913, PLR0917 - each is an option of the command
    to: To = None,
    revision: Revision = None,
    no_build: Annotated[bool, typer.Option("--no-build", help="Only what the registry has.")] = False,
    allow_dirty: AllowDirty = False,
    sequence: Sequence = None,
    allow_older: Annotated[bool, typer.Option("--allow-older", help="Also an older CI run.")] = False,
    wait: Wait = False,
    wait_timeout: WaitTimeout = None,
    cancel_running: CancelRunning = False,
    verify: Verify = False,
    verbose: Verbose = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Ship a commit: build and push its image where needed, then switch to it without a lost request."""
    target = _target(config, to, verify)
    options = DeployOptions(revision, not no_build, allow_dirty, sequence=sequence, allow_older=allow_older)
    turn = turn_parameters(wait_timeout, is_waiting=wait, cancel_running=cancel_running)
    with (
        reported("Deploy", target.name, os.environ) as report,
        Signals() as signals,
        Steps(messages, is_verbose=verbose) as steps,
    ):
        on_event = report.listen(steps.show)
        image = ship_image(target, options, os.environ, on_event)
        report.image_bytes = image.size or image.stored_bytes
        asked = Asked("deploy", {**deploy_parameters(target, image, options, os.environ), **turn}, verify)
        _carry_out(target, asked, report, on_event, signals)
    _show_outcome(target, report.result, as_json=as_json)


def rollback(  # noqa: PLR0913, PLR0917 - each is an option of the command
    release: ToRelease = "",
    to: To = None,
    wait: Wait = False,
    wait_timeout: WaitTimeout = None,
    cancel_running: CancelRunning = False,
    verify: Verify = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Go back to a retained release: the previous healthy one, or the one that is named."""
    target = _target(config, to, verify)
    turn = turn_parameters(wait_timeout, is_waiting=wait, cancel_running=cancel_running)
    with (
        reported("Rollback", target.name, os.environ) as report,
        Signals() as signals,
        Steps(messages) as steps,
    ):
        credentials = registry_credentials(target, os.environ)
        parameters = {**target.app, "to": release_number(target, release), "credentials": credentials, **turn}
        asked = Asked("rollback", parameters, verify)
        _carry_out(target, asked, report, report.listen(steps.show), signals)
    _show_outcome(target, report.result, as_json=as_json)


def _target(config: Path, to: str | None, verify: bool) -> Destination:
    """The destination; with an address from outside when the service is to be asked there after the commit."""
    target = destination(config, to)
    if verify:
        health_address(target)
    return target


@dataclass(frozen=True)
class Asked:
    """What the agent is asked; `is_verified`: the service is asked from here afterwards."""

    kind: str
    parameters: dict[str, Any]
    is_verified: bool


def _carry_out(target: Destination, asked: Asked, report: ShippingReport, on_event: OnEvent, signals: Signals) -> None:
    """Have the agent carry a request out, ask the service from here, then move `latest`, unless the call is to end."""
    result = ask_transaction(target, asked.kind, asked.parameters, on_event, signals)
    is_ending = result["outcome"] == "committed"
    if asked.is_verified and not is_ending:
        try:
            with step("outside", on_event) as outside:
                answer = check_from_outside(target, is_over=lambda: bool(signals.came))
                report.checked = outside.detail = str(answer) if answer else "not asked: the call was interrupted"
        except DeployFailed as error:
            error.state = f"release {result['release']['number']} is committed and serves; latest was not moved"
            error.hint = f"{error.hint}; to go back: ferryman rollback --to {target.name}"
            raise
        is_ending = answer is None
    latest = "not moved: the call was interrupted; the next deploy moves it"
    if not is_ending:
        overtaken = _overtaken(target, result["release"]) if asked.is_verified else ""
        latest = overtaken or move_latest(target, result["release"]["digest"], os.environ)
    report.result = {**result, "latest": latest}


def _overtaken(target: Destination, release: dict[str, Any]) -> str:
    """Why `latest` stays: while the service was asked another release may have been committed, and moved it."""
    try:
        serving = target.link.request("status", target.app)["apps"][0]["release"]
    except FerrymanError as error:
        return f"not moved: {error.message}; the next deploy moves it"
    is_same = serving and serving["digest"] == release["digest"]
    return "" if is_same else f"not moved: release {release['number']} serves no more"


def verify(to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG) -> None:
    """Ask the service for its health from here, as its users reach it."""
    target = destination(config, to)
    answer = check_from_outside(target)
    if answer is not None:
        shown = {"url": answer.url, "status": answer.status, "seconds": round(answer.seconds, 3)}
        if as_json:
            print_json(shown)
        else:
            typer.echo(str(answer))


def _show_outcome(target: Destination, result: dict[str, Any], *, as_json: bool) -> None:
    release = result["release"]
    if as_json:
        print_json(result)
    elif result["outcome"] == "unchanged":
        typer.echo(f"unchanged: release {release['number']} ({release['revision'][:7]}) serves this already")
    else:
        where = f"{target.manifest['app']} in {target.name}"
        took = "committed, not finished yet" if result["seconds"] is None else f"{result['seconds']:.1f} s"
        shown = f"release {release['number']} ({release['revision'][:7]})"
        typer.echo(f"{shown} of {where} serves, {took}{down(result)}")
    if result["degraded"]:
        messages.print(f"degraded: {result['degraded']}", style="bold yellow", markup=False)
    if result["latest"].startswith("not moved"):
        messages.print(f"latest: {result['latest']}", markup=False)


@plan.command("deploy")
def plan_deploy(
    to: To = None, revision: Revision = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG
) -> None:
    """Show what a deploy would do."""
    from ferryman.deploy import planned_image

    target = destination(config, to)
    image = planned_image(target, DeployOptions(revision=revision), os.environ)
    parameters = deploy_parameters(target, image, DeployOptions(), os.environ)
    found = target.link.request("plan", {**parameters, "kind": "deploy", "credentials": None})
    if not image.was_there:
        steps = [("build", f"build the image of {image.revision[:7]}"), ("push", "push it")]
        found["steps"] = [{"step": name, "detail": detail} for name, detail in steps] + found["steps"]
        found["release"]["digest"] = None
    serving = found["serving"]
    _show_plan(found, brought(found, serving["number"] if serving else None), as_json=as_json)


@plan.command("rollback")
def plan_rollback(
    release: ToRelease = "", to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG
) -> None:
    """Show what a rollback would do."""
    target = destination(config, to)
    found = target.link.request("plan", {**target.app, "kind": "rollback", "to": release_number(target, release)})
    _show_plan(found, "", as_json=as_json)


def _show_plan(found: dict[str, Any], told: str, *, as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    serving, release = found["serving"], found["release"]
    was = f"release {serving['number']} ({serving['revision'][:7]})" if serving else "nothing"
    typer.echo(f"{found['app']} in {found['environment']}: {was} serves")
    if found["unchanged"]:
        typer.echo("nothing to do: this image and configuration serve already")
        return
    typer.echo(f"would go to release {release['number']} ({release['revision'][:7]}):")
    for planned in found["steps"]:
        typer.echo(f"  {planned['step']:<10} {planned['detail']}")
    if told:
        typer.echo(told)
        for commit in found["commits"]:
            typer.echo(f"  {commit['revision'][:7]}    {commit['subject']}")
    for refusal in found["refused"]:
        typer.echo(f"would be refused: {refusal}")
