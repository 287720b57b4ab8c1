"""The doctor: shows what a server has, and rebuilds a lost ledger from it."""

from ferryman_agent.doctor.doctor import Doctor

__all__ = ["Doctor"]
