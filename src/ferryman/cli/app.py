"""The commands by name: each has a module of its own, which is imported when the command is called."""

from __future__ import annotations

from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ferryman import __version__
from ferryman.cli.values import PlainCommand, PlainGroup

# Name → what the list of commands says of it: the first sentence of its own help. Only that is known without an import.
COMMANDS = {
    "new": "Make a Django REST Framework project, ready to be shipped.",
    "init": "Take a Django project in: write what is missing of ferryman.toml, Dockerfile, .dockerignore and the "
    "workflows.",
    "check": "Find the mistakes that break deploys, in Dockerfile, settings, ferryman.toml, Compose files and "
    "workflows.",
    "test": "Run what the pipeline runs before a deploy; no server is touched.",
    "build": "Build the image of a commit and push it.",
    "deploy": "Ship a commit: build and push its image where needed, then switch to it without a lost request.",
    "rollback": "Go back to a retained release: the previous healthy one, or the one that is named.",
    "verify": "Ask the service for its health from here, as its users reach it.",
    "follow": "Watch a deployment from anywhere; ends with its outcome as exit status.",
    "cancel": "Cancel a deployment before its commit, and wait until it is taken back.",
    "restart": "Replace the containers of the release that serves by new ones, without a lost request.",
    "stop": "Stop all roles of the app, until it is started or deployed again; the edge answers 503.",
    "start": "Start an app that was stopped, with the release that served.",
    "remove": "Remove the app from the server, after you typed its name. Its data stays unless you say otherwise.",
    "maintenance": "Let the edge answer 503 for the app, or end that.",
    "accessory": "Side containers of the app; no deploy touches them.",
    "status": "Show what serves: release, state, containers, health, since when.",
    "releases": "List the releases, newest first: which serves, and which can be rolled back to.",
    "deployments": "List the newest deployments with their outcomes.",
    "logs": "Show the log of a role's container.",
    "run": "Run a scheduled command now, with the release that serves, and show its log. Ctrl-C leaves it running.",
    "exec": "Run a command inside the app's container, with a terminal when this is one.",
    "cleanup": "Remove merged branches, old images in the registry, unused images on the servers; all three or those "
    "named.",
    "doctor": "Show what the server has, and how that differs from its ledger; with --rebuild make a ledger of it.",
    "plan": "Show what a deploy or a rollback would do; change nothing.",
    "env": "Variables and secrets of an app, kept in versions on the server.",
    "github": "The repository on GitHub.",
    "registry": "Logins at registries that the server keeps, for pulls of its own.",
    "server": "Set a server up.",
    "rehearse": "Ship the project to a throw-away server on this machine, through every real part, and leave it "
    "running.",
}


def load_command(name: str) -> Any:
    """The command of this name as Typer builds it: what its module calls `command`, a function or a group of them."""
    found = import_module(f"ferryman.cli.{name}").command
    holder = typer.Typer()
    if isinstance(found, typer.Typer):
        for inner in found.registered_commands:
            inner.cls = PlainCommand
        holder.add_typer(found, name=name, cls=PlainGroup)
    else:
        holder.command(name, cls=PlainCommand)(found)
    return typer.main.get_group(holder).commands[name]


class Commands(PlainGroup):
    """All commands; listing and completing them imports none."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands.update({name: TyperCommand(name, help=text) for name, text in COMMANDS.items()})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that is called."""
        name, known, rest = super().resolve_command(ctx, args)
        return name, load_command(name) if name and known else known, rest


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"ferryman {__version__}")
        raise typer.Exit


app = typer.Typer(
    name="ferryman",
    cls=Commands,
    help="Carries a Django REST Framework service from a Git repository to a server, and keeps it healthy there.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Carry a Django REST Framework service from a Git repository to a server, and keep it healthy there."""
