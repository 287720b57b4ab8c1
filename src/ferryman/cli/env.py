"""env: variables and secrets of an app."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ferryman.cli.options import DEFAULT_CONFIG, AsJson, Config, To, destination, print_json, table
from ferryman.errors import UsageError

command = typer.Typer(no_args_is_help=True, help="Variables and secrets of an app, kept in versions on the server.")


@command.command("set")
def env_set(
    names: Annotated[list[str], typer.Argument(help="Names; the values are read from standard input, one a line.")],
    to: To = None,
    file: Annotated[Path | None, typer.Option("--file", help="Read the value of the one NAME from a file.")] = None,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """Set variables. Values never stand on the command line: one line of standard input for each name, or --file."""
    for name in names:
        if "=" in name:
            raise UsageError(
                "value-on-command-line",
                f"{name.split('=')[0]}: a value on the command line can be read by others and stays in the history",
                hint=f"printf %s \"$VALUE\" | ferryman env set {name.split('=')[0]}",
            )
    variables = _values(names, file)
    target = destination(config, to)
    found = target.link.request("env.set", {**target.app, "variables": variables})
    _show_version(found, target.name)


def _values(names: list[str], file: Path | None) -> dict[str, str]:
    if file is not None:
        if len(names) != 1:
            raise UsageError("one-name-only", "--file holds the value of one name")
        try:
            return {names[0]: _without_end(file.read_bytes().decode("utf-8-sig"))}
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError("file-unreadable", f"{file} can't be read as text: {error}") from error
    if sys.stdin.isatty():
        return {name: typer.prompt(name, hide_input=True) for name in names}
    text = sys.stdin.read()
    lines = [_without_end(text)] if len(names) == 1 else _without_end(text).split("\n")
    if len(lines) != len(names):
        raise UsageError(
            "values-missing", f"{len(names)} names need {len(names)} lines, standard input has {len(lines)}"
        )
    return dict(zip(names, lines, strict=True))


def _without_end(text: str) -> str:
    """Without the end of its last line, which an editor or a program put there; other ends are part of the value."""
    return text.removesuffix("\n").removesuffix("\r")


def _show_version(found: dict[str, object], name: str) -> None:
    if found["changed"]:
        typer.echo(f"version {found['version']}; used from the next `ferryman deploy --to {name}` on")
    else:
        typer.echo(f"unchanged: version {found['version']} has these values already")


@command.command("unset")
def env_unset(
    names: Annotated[list[str], typer.Argument(help="Names.")], to: To = None, config: Config = DEFAULT_CONFIG
) -> None:
    """Remove variables."""
    target = destination(config, to)
    _show_version(target.link.request("env.unset", {**target.app, "names": names}), target.name)


@command.command("list")
def env_list(
    to: To = None,
    values: Annotated[bool, typer.Option("--values", help="Show the values too.")] = False,
    as_json: AsJson = False,
    config: Config = DEFAULT_CONFIG,
) -> None:
    """List the names that are set; with --values their values."""
    target = destination(config, to)
    found = target.link.request("env.list", {**target.app, "values": values})
    if as_json:
        print_json(found)
        return
    for name, value in found["variables"].items():
        typer.echo(f"{name}={value}" if values else name)


@command.command("history")
def env_history(to: To = None, as_json: AsJson = False, config: Config = DEFAULT_CONFIG) -> None:
    """List the versions: what each changed, and when."""
    target = destination(config, to)
    found = target.link.request("env.history", target.app)
    if as_json:
        print_json(found)
        return
    table([[str(v["version"]), v["created_at"], v["change"]] for v in found["versions"]], ["version", "at", "change"])
