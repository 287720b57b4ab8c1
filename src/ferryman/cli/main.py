"""The `ferryman` command's way in: the version at once, all else by its commands; every error of ours ends here."""

from __future__ import annotations

import sys

from ferryman import __version__
from ferryman.errors import DeployFailed, FerrymanError


def main() -> None:
    """Run the command and exit with its status."""
    try:
        if sys.argv[1:] == ["--version"]:  # the fast path: neither Typer nor any command is loaded
            sys.stdout.write(f"ferryman {__version__}\n")
            sys.stdout.flush()
            return
        from ferryman.cli.app import app

        app()
    except FerrymanError as error:
        sys.exit(_failed(error))
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(1)
    except OSError as error:
        sys.exit(_failed(DeployFailed("local-failure", f"this machine refuses: {error}")))


def _failed(error: FerrymanError) -> int:
    from ferryman.cli.failure import print_failure
    from ferryman.cli.messages import messages

    return print_failure(error, messages, as_json="--json" in _own_arguments())


def _own_arguments() -> list[str]:
    """What stands before `--`; what follows is another command's."""
    return sys.argv[: sys.argv.index("--")] if "--" in sys.argv else sys.argv
