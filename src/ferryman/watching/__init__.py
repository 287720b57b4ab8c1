"""Watching: staying with what the server carries out, and what an interruption of the caller means."""
