"""Ferryman's agent: owns the state of the server and carries out its transactions (standard library only)."""

__version__ = "0.1.0"
