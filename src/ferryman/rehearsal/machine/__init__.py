"""The throw-away server: a container that takes the place of a VPS."""

from ferryman.rehearsal.machine.machine import Machine, MachineSpec

__all__ = ["Machine", "MachineSpec"]
