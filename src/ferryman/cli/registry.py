"""registry login, logout, list: the logins that a server keeps, to pull images that no call has a login for."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, print_json, table
from ferryman.errors import UsageError

if TYPE_CHECKING:
    from ferryman.destination import Destination

command = typer.Typer(no_args_is_help=True, help="Logins at registries that the server keeps, for pulls of its own.")
Name = Annotated[
    str | None, typer.Argument(metavar="[REGISTRY]", help="Such as ghcr.io; the one of [app] image without it.")
]


@command.command("login")
def login(
    name: Name = None,
    username: Annotated[
        str | None, typer.Option("--username", "-u", help="The password is then read from standard input.")
    ] = None,
    to: To = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Keep a login on the server, best a token that may only read; DOCKER_USERNAME's without --username."""
    target = destination(config, to)
    who, password = _login(username)
    asked = {"registry": _registry(target, name), "username": who, "password": password}
    found = target.link.request("registry.login", asked)
    typer.echo(f"{target.name} keeps the login of {found['username']} at {found['registry']}")


def _login(username: str | None) -> tuple[str, str]:
    """A pair: both from the environment, or the password from standard input; never one of each by chance."""
    if username is None:
        username, password = os.environ.get("DOCKER_USERNAME", ""), os.environ.get("DOCKER_PASSWORD", "")
    elif sys.stdin.isatty():
        password = str(typer.prompt("password or token", hide_input=True, err=True))
    else:
        password = sys.stdin.read().strip()
    if not username or not password:
        raise UsageError(
            "login-missing",
            "which login? there is no user name or no password",
            state="nothing was changed",
            hint="ferryman registry login --username NAME < token-file, or set DOCKER_USERNAME and DOCKER_PASSWORD",
        )
    return username, password


def _registry(target: Destination, name: str | None) -> str:
    from ferryman.image.reference import split_reference

    return name or split_reference(target.configuration.app.image).registry


@command.command("logout")
def logout(name: Name = None, to: To = None, config: Config = DEFAULT_CONFIG) -> None:
    """Have the server forget a login."""
    target = destination(config, to)
    found = target.link.request("registry.logout", {"registry": _registry(target, name)})
    told = f"{target.name} forgets the login" if found["forgotten"] else f"unchanged: {target.name} keeps no login"
    typer.echo(f"{told} at {found['registry']}")


@command.command("list")
def listed(to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG) -> None:
    """List the logins that the server keeps, without their passwords."""
    found = destination(config, to).link.request("registry.list", {})
    if as_json:
        print_json(found)
    else:
        table([[item["registry"], item["username"]] for item in found["registries"]], ["registry", "username"])
