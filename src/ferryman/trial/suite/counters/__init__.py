"""Modules that run inside a project's own environment and count its tests; they need nothing of Ferryman."""
