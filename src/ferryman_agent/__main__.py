"""The agent's command: `daemon`, `relay`, `doctor`, `install` and `version`, each imported only when it is called."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # as type checkers know it; the real one comes with a module that every call would load
if TYPE_CHECKING:
    import argparse

SOCKET_PATH = "/run/ferryman/agent.sock"
STATE_DIRECTORY = "/var/lib/ferryman"
COMMAND = "ferryman-agent relay"
FORCED = (["relay", "--role", "pipeline"], ["relay", "--role", "operator"])
OLDEST_PYTHON = (3, 10)


def main() -> int:
    """Run one subcommand; return its exit status. Must stay readable for Python 3.7, to say that it is too old."""
    if sys.version_info < OLDEST_PYTHON:
        return _refuse(_too_old())
    if sys.argv[1:] in FORCED:  # what each key's line calls: no parser is loaded for it
        return _relay(sys.argv[3], SOCKET_PATH)
    import argparse

    parser = argparse.ArgumentParser(prog="ferryman-agent", description="Ferryman's agent on this server")
    commands = parser.add_subparsers(dest="command", required=True)
    daemon = commands.add_parser("daemon", help="own the server's state; started by systemd")
    relay = commands.add_parser("relay", help="carry one conversation between SSH and the daemon")
    relay.add_argument("--role", choices=("pipeline", "operator"), required=True)
    for command in (daemon, relay):
        command.add_argument("--socket", default=SOCKET_PATH)
    doctor = commands.add_parser("doctor", help="show what the server has beside its ledger, and rebuild a lost ledger")
    doctor.add_argument("--rebuild", action="store_true", help="rebuild a ledger that can't be used, once confirmed")
    doctor.add_argument("--yes", action="store_true", help="rebuild without a question")
    doctor.add_argument("--json", action="store_true", help="JSON on standard output")
    for command in (daemon, doctor):
        command.add_argument("--state", default=STATE_DIRECTORY)
    commands.add_parser("install", help="install engine, agent, deploy user and keys; reads a request on stdin")
    commands.add_parser("version", help="print the version")
    return _run(parser.parse_args())


def _run(arguments: argparse.Namespace) -> int:
    if arguments.command == "relay":
        return _relay(arguments.role, arguments.socket)
    if arguments.command == "daemon":
        from pathlib import Path

        from ferryman_agent.openssl import import_http_client

        import_http_client()
        from ferryman_agent.daemon.daemon import run

        return run(Path(arguments.state), Path(arguments.socket))
    if arguments.command == "doctor":
        from ferryman_agent.doctor.command import run as consult
        from ferryman_agent.engine.docker import SOCKET

        return consult(arguments.state, SOCKET, (arguments.rebuild, arguments.yes, arguments.json))
    if arguments.command == "install":
        from ferryman_agent.install import install

        return install(sys.stdin, sys.stdout, sys.argv[0])
    from ferryman_agent import __version__

    sys.stdout.write(__version__ + "\n")
    return 0


def _relay(role: str, path: str) -> int:
    asked_for = os.environ.get("SSH_ORIGINAL_COMMAND", COMMAND)
    if COMMAND not in asked_for:
        sys.stderr.write("this key speaks to Ferryman's agent and runs no other command\n")
        return _refuse(_other_command(asked_for))
    from ferryman_agent.relay import relay

    return relay(role, path)


def _refuse(error: dict[str, object]) -> int:
    import json

    sys.stdout.write(json.dumps({"error": error}) + "\n")
    return 3


def _other_command(asked_for: str) -> dict[str, object]:
    """Said at once: scp and sftp would wait for ever for an answer of their own kind."""
    return {
        "code": "not-allowed",
        "message": f"this key runs no command, and was asked for {asked_for[:80]!r}",
        "state": "nothing was changed",
        "hint": "use the ferryman command",
        "exit": 3,
    }


def _too_old() -> dict[str, object]:
    running, oldest = (".".join(str(part) for part in version[:2]) for version in (sys.version_info, OLDEST_PYTHON))
    return {
        "code": "python-unsupported",
        "message": f"the server's python3 is {running}; the agent needs {oldest} or later",
        "state": "nothing was changed",
        "hint": "use Debian 12 or later, or Ubuntu 22.04 or later",
        "exit": 3,
    }


if __name__ == "__main__":
    sys.exit(main())
