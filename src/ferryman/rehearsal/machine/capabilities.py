"""The capabilities that a container with systemd may be given on this machine."""

from __future__ import annotations

from pathlib import Path

# In the kernel's order (capability.h), from bit 0. Left out are the last three: Docker 20.10 does not know them
_NAMES = (
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
)
# The clock is the machine's own, not the container's: whatever runs in there must not set it
_WITHHELD = {"SYS_TIME"}


def grantable_capabilities(status: Path = Path("/proc/self/status")) -> list[str]:
    """The names of this process's bounding set, as `docker run --cap-add` takes them, without the machine's clock.

    `--privileged` asks for every capability and fails on a machine that lacks one (SYS_RESOURCE in some virtual
    machines); a list of those that are there does not. Where there is no /proc (the engine runs in a virtual machine
    of its own), all of them.
    """
    if not status.is_file():
        return [name for name in _NAMES if name not in _WITHHELD]
    line = next(line for line in status.read_text().splitlines() if line.startswith("CapBnd:"))
    bits = int(line.split()[1], 16)
    return [name for bit, name in enumerate(_NAMES) if bits >> bit & 1 and name not in _WITHHELD]
