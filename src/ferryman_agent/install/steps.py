"""The steps of an installation: each looks first, and changes only what differs."""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import dataclass, field
from pathlib import Path

from ferryman_agent.errors import AgentError, Refused
from ferryman_agent.install.authorized_keys import merged
from ferryman_agent.install.request import InstallRequest
from ferryman_agent.install.system import System
from ferryman_agent.install.unit import UNIT, WRAPPER
from ferryman_agent.install.zipapp import compiled_zipapp, zipapp_mark

GROUP = "ferryman"
HOME = "/var/lib/ferryman-deploy"
STATE = "/var/lib/ferryman"
LIBRARY = "/usr/local/lib/ferryman"
ZIPAPP = f"{LIBRARY}/ferryman-agent.pyz"
COMMAND = "/usr/local/bin/ferryman-agent"
UNIT_PATH = "/etc/systemd/system/ferryman-agent.service"
SERVICE = "ferryman-agent.service"
# Set before a file of the agent changes and removed after its restart, so that an installation
# that dies in between is finished by the next one.
RESTART_MARK = "/run/ferryman-install/restart"
START_TIMEOUT_SECONDS = 600
NOTHING_CHANGED = "nothing was changed"


@dataclass
class Installation:
    """What the steps share: the server, the request, the zipapp that runs, and what was found."""

    system: System
    request: InstallRequest
    zipapp: Path
    facts: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """Whether a step changed anything, and a few words for people."""

    changed: bool
    detail: str


def check_server(installation: Installation) -> Outcome:
    """Refuse what can't be installed on: not root, not Debian or Ubuntu, no systemd."""
    system = installation.system
    release = dict(
        line.split("=", 1) for line in system.read("/etc/os-release").splitlines() if "=" in line and line[0] != "#"
    )
    families = {release.get("ID", "").strip('"'), *release.get("ID_LIKE", "").strip('"').split()}
    name = release.get("PRETTY_NAME", "an unknown system").strip('"')
    if not system.is_root():
        raise Refused("not-root", "the installation needs root", state=NOTHING_CHANGED)
    if not families & {"debian", "ubuntu"}:
        raise Refused(
            "system-unsupported",
            f"the server runs {name}; Ferryman installs on Debian and Ubuntu",
            state=NOTHING_CHANGED,
            hint="use a server with Debian 12 or later, or Ubuntu 22.04 or later",
        )
    if not system.path("/run/systemd/system").is_dir():
        raise Refused(
            "systemd-missing", f"{name} does not run systemd, which supervises the agent", state=NOTHING_CHANGED
        )
    return Outcome(False, name)


def account(installation: Installation) -> Outcome:
    """Group, and the deploy user: no password, a home that only root may write to."""
    system, user = installation.system, installation.request.user
    commands = account_commands(user, system.run("getent", "group", GROUP).output, _passwd(system, user))
    if not commands and _is_locked(system.run("getent", "shadow", user).output):
        # sshd without PAM takes "!" for a locked account and refuses its keys; "*" is merely no password.
        commands = [["usermod", "--password", "*", user]]
    for command in commands:
        system.must("account-failed", *command)
    made = [system.make_directory(HOME, 0o755), system.make_directory(f"{HOME}/.ssh", 0o755)]
    return Outcome(bool(commands) or any(made), f"user {user}")


def account_commands(user: str, group_entry: str, passwd_entry: str) -> list[list[str]]:
    """What makes group and user as they must be, from the lines that getent shows; pure."""
    commands = [] if group_entry.strip() else [["groupadd", "--system", GROUP]]
    if not passwd_entry.strip():
        places = ["--home-dir", HOME, "--no-create-home", "--shell", "/bin/sh"]
        commands.append(["useradd", "--system", "--gid", GROUP, *places, "--password", "*", user])
        return commands
    group_id = group_entry.split(":")[2] if group_entry.strip() else ""
    _, _, _, primary, _, home, shell = passwd_entry.strip().split(":")
    if home != HOME:
        raise Refused(
            "user-taken",
            f"the server has a user {user} of its own (home {home}), whose keys would lose their shell",
            state=NOTHING_CHANGED,
            hint="set another user in the environment, for example ferryman",
        )
    if primary != group_id:
        commands.append(["usermod", "--gid", GROUP, user])
    if shell != "/bin/sh":
        commands.append(["usermod", "--shell", "/bin/sh", user])
    return commands


def keys(installation: Installation) -> Outcome:
    """authorized_keys of the deploy user: root's file, each key bound to its role."""
    request, system = installation.request, installation.system
    path = f"{HOME}/.ssh/authorized_keys"
    roles = {"pipeline": request.pipeline_keys, "operator": request.operator_keys}
    text = merged(system.read(path), roles)
    changed = system.write(path, text.encode("utf-8", "surrogateescape"), 0o644)
    return Outcome(changed, f"{len(request.pipeline_keys)} pipeline, {len(request.operator_keys)} operator")


def state_directory(installation: Installation) -> Outcome:
    """The folder of ledger and secrets, for root alone."""
    return Outcome(installation.system.make_directory(STATE, 0o700), STATE)


def agent(installation: Installation) -> Outcome:
    """The zipapp that runs this installation becomes the agent."""
    system, target = installation.system, installation.system.path(ZIPAPP)
    source = installation.zipapp.read_bytes()
    system.make_directory(LIBRARY, 0o755)
    changed = False
    if zipapp_mark(target) != zipapp_mark(installation.zipapp, source):
        _mark_for_restart(system)
        changed = system.write(ZIPAPP, compiled_zipapp(source, ZIPAPP), 0o644)
    changed |= system.write(COMMAND, WRAPPER.encode(), 0o755)
    return Outcome(changed, COMMAND)


def unit(installation: Installation) -> Outcome:
    """The systemd unit of the agent."""
    system = installation.system
    if system.read(UNIT_PATH) == UNIT:
        return Outcome(False, SERVICE)
    _mark_for_restart(system)
    system.write(UNIT_PATH, UNIT.encode(), 0o644)
    system.must("systemd-failed", "systemctl", "daemon-reload")
    return Outcome(True, SERVICE)


def service(installation: Installation) -> Outcome:
    """Enabled, running this very agent, and answering."""
    system = installation.system
    mark = system.path(RESTART_MARK)
    changed = False
    if system.run("systemctl", "is-enabled", "--quiet", SERVICE).status != 0:
        system.must("systemd-failed", "systemctl", "enable", "--quiet", SERVICE)
        changed = True
    if mark.exists() or system.run("systemctl", "is-active", "--quiet", SERVICE).status != 0:
        if system.run("systemctl", "restart", SERVICE, timeout=START_TIMEOUT_SECONDS).status != 0:
            raise _not_started(system)
        mark.unlink(missing_ok=True)
        changed = True
    if not system.wait_until(lambda: _hello(installation), 20):
        raise _not_started(system)
    return Outcome(changed, f"agent {installation.facts['agent']} answers")


def _hello(installation: Installation) -> bool:
    request = {"protocol": 1, "client": "install", "id": str(uuid.uuid4()), "request": "hello", "params": {}}
    lines = [{"role": "operator"}, request]
    answer = installation.system.agent_answer("".join(json.dumps(line) + "\n" for line in lines).encode())
    result = answer.get("result") if answer else None
    if not isinstance(result, dict):
        return False
    installation.facts["agent"] = str(result.get("agent", ""))
    return True


def _not_started(system: System) -> AgentError:
    log = system.run("journalctl", "--unit", SERVICE, "--lines", "12", "--output", "cat", "--no-pager").tail
    return AgentError(
        "agent-not-started",
        "the agent is installed but does not answer: " + " / ".join(log[-3:]),
        state="engine, user, keys and agent are installed; what serves goes on serving",
        hint=f"on the server: systemctl status {SERVICE}",
        log=log,
    )


def _passwd(system: System, user: str) -> str:
    return system.run("getent", "passwd", user).output


def _is_locked(shadow_entry: str) -> bool:
    return shadow_entry.count(":") > 1 and shadow_entry.split(":")[1].startswith("!")


def _mark_for_restart(system: System) -> None:
    mark = system.path(RESTART_MARK)
    mark.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(mark, os.O_CREAT | os.O_WRONLY, 0o600))
