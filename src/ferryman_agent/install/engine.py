"""The step that sees to it that a Docker Engine answers: an existing one is kept, else the distribution's comes."""

from __future__ import annotations

from ferryman_agent.errors import AgentError
from ferryman_agent.install.steps import Installation, Outcome
from ferryman_agent.install.system import System, failed

PACKAGES = ("docker.io", "iptables", "ca-certificates")
APT_TIMEOUT_SECONDS = 1200
ANSWER_TIMEOUT_SECONDS = 90
# Waits for the lock that unattended upgrades hold on a fresh server, asks nothing, keeps changed configuration.
APT = ("apt-get", "--yes", "-o", "DPkg::Lock::Timeout=300", "-o", "Dpkg::Options::=--force-confold")
APT_ENVIRONMENT = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_SUSPEND": "1"}


def engine(installation: Installation) -> Outcome:
    """1. An engine answers: keep it. 2. None is installed: install. 3. Enable, start, wait until it answers."""
    system = installation.system
    version = system.engine_version()
    words = []
    if version is None and system.run("dockerd", "--version").status == 127:
        install_packages(system)
        words.append("installed")
    if system.run("systemctl", "cat", "docker.service").status == 0:
        if system.run("systemctl", "is-enabled", "--quiet", "docker.service").status != 0:
            system.must("systemd-failed", "systemctl", "enable", "--quiet", "docker.service")
            words.append("enabled")
        if version is None or words:
            system.must("engine-not-started", "systemctl", "start", "docker.service", timeout=ANSWER_TIMEOUT_SECONDS)
    if version is None and not system.wait_until(system.engine_version, ANSWER_TIMEOUT_SECONDS):
        raise _silent(system)
    version = version or system.engine_version() or ""
    installation.facts["engine"] = version
    return Outcome(bool(words), " ".join(["Docker Engine", version, *words]))


def install_packages(system: System) -> None:
    """Install the engine without recommended packages; AgentError `packages-failed` with apt's last lines."""
    _apt(system, "update")
    # Debian 13 has the docker command in a package of its own: the agent never calls it, people do.
    optional = [name for name in ("docker-cli",) if system.run("apt-cache", "show", name).status == 0]
    _apt(system, "install", "--no-install-recommends", *packages(system), *optional)


def packages(system: System) -> tuple[str, ...]:
    """What an engine needs; with AppArmor in the kernel it starts no container unless the parser is there."""
    is_confined = system.read("/sys/module/apparmor/parameters/enabled").strip() == "Y"
    return (*PACKAGES, "apparmor") if is_confined else PACKAGES


def _apt(system: System, *arguments: str) -> None:
    command = (*APT, *arguments)
    done = system.run(*command, environment=APT_ENVIRONMENT, timeout=APT_TIMEOUT_SECONDS)
    if done.status != 0:
        raise failed("packages-failed", command, done)


def _silent(system: System) -> AgentError:
    log = system.run("journalctl", "--unit", "docker.service", "--lines", "12", "--output", "cat", "--no-pager").tail
    return AgentError(
        "engine-not-started",
        f"the Docker Engine does not answer within {ANSWER_TIMEOUT_SECONDS} s: " + " / ".join(log[-3:]),
        state="the engine is installed; the agent is not",
        hint="on the server: systemctl status docker",
        log=log,
    )
