"""The `ferryman` command: its commands, and what happens to their errors."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ferryman import __version__
from ferryman.cli import (
    changing,
    checking,
    cleaning,
    doctoring,
    guarding,
    operating,
    project,
    reading,
    registry,
    rehearsing,
    running,
    server,
    shipping,
    trying,
    watching,
)
from ferryman.cli.failure import print_failure
from ferryman.cli.options import messages
from ferryman.errors import DeployFailed, FerrymanError

app = typer.Typer(
    name="ferryman",
    help="Carries a Django REST Framework service from a Git repository to a server, and keeps it healthy there.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(project.init)
app.command("check")(checking.check)
app.add_typer(trying.test, name="test")
app.command("build")(shipping.build)
app.command("deploy")(shipping.deploy)
app.command("rollback")(shipping.rollback)
app.command("verify")(shipping.verify)
app.command("follow")(watching.follow)
app.command("cancel")(watching.cancel)
app.command("restart")(changing.restart)
app.command("stop")(changing.stop)
app.command("start")(changing.start)
app.command("remove")(changing.remove)
app.add_typer(changing.maintenance, name="maintenance")
app.add_typer(changing.accessory, name="accessory")
app.command("status")(reading.status)
app.command("releases")(reading.releases)
app.command("deployments")(reading.deployments)
app.command("logs")(reading.logs)
app.command("run")(running.run)
app.command("exec")(operating.execute)
app.command("cleanup")(cleaning.cleanup)
app.command("doctor")(doctoring.doctor)
app.add_typer(shipping.plan, name="plan")
app.add_typer(operating.env, name="env")
app.add_typer(guarding.github, name="github")
app.add_typer(registry.registry, name="registry")
app.add_typer(server.server, name="server")
app.add_typer(rehearsing.rehearse, name="rehearse")


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"ferryman {__version__}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Carry a Django REST Framework service from a Git repository to a server, and keep it healthy there."""


def _own_arguments() -> list[str]:
    """What stands before `--`; what follows is another command's."""
    return sys.argv[: sys.argv.index("--")] if "--" in sys.argv else sys.argv


def main() -> None:
    """Run the command; every error of ours ends here."""
    try:
        app()
    except FerrymanError as error:
        sys.exit(print_failure(error, messages, as_json="--json" in _own_arguments()))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        failure = DeployFailed("local-failure", f"this machine refuses: {error}")
        sys.exit(print_failure(failure, messages, as_json="--json" in _own_arguments()))
