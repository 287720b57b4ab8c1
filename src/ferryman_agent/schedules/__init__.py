"""Scheduled commands: when each is due, one run's life, and the thread that begins them."""

from ferryman_agent.schedules.scheduler import Scheduler

__all__ = ["Scheduler"]
