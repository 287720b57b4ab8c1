"""Asking a project's own code: its settings are imported and Django is asked, fenced in, in its own environment."""
