"""The `ferryman` command."""
