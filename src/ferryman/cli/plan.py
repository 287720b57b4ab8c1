"""plan deploy, plan rollback: what they would do."""

from __future__ import annotations

import os
from typing import Any

import typer

from ferryman.cli.display import brought
from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, Revision, To, ToRelease, destination, print_json

command = typer.Typer(no_args_is_help=True, help="Show what a deploy or a rollback would do; change nothing.")


@command.command("deploy")
def plan_deploy(
    to: To = None, revision: Revision = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG
) -> None:
    """Show what a deploy would do."""
    from ferryman.shipping.images import planned_image
    from ferryman.shipping.options import DeployOptions
    from ferryman.shipping.request import deploy_parameters

    target = destination(config, to)
    image = planned_image(target, DeployOptions(revision=revision), os.environ)
    parameters = deploy_parameters(target, image, DeployOptions(), os.environ)
    found = target.link.request("plan", {**parameters, "kind": "deploy", "credentials": None})
    if not image.was_there:
        steps = [("build", f"build the image of {image.revision[:7]}"), ("push", "push it")]
        found["steps"] = [{"step": name, "detail": detail} for name, detail in steps] + found["steps"]
        found["release"]["digest"] = None
    serving = found["serving"]
    _show(found, brought(found, serving["number"] if serving else None), as_json=as_json)


@command.command("rollback")
def plan_rollback(
    release: ToRelease = "", to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG
) -> None:
    """Show what a rollback would do."""
    from ferryman.shipping.retained import release_number

    target = destination(config, to)
    found = target.link.request("plan", {**target.app, "kind": "rollback", "to": release_number(target, release)})
    _show(found, "", as_json=as_json)


def _show(found: dict[str, Any], told: str, *, as_json: bool) -> None:
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
