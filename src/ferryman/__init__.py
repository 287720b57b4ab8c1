"""Ferryman, the command line: builds, asks the agent, and shows what happens."""

__version__ = "0.1.0"
