"""Writes a Dockerfile for a Django project: small layers, no root, bytecode and static files made at build time."""

from ferryman.project.dockerfile.layout import in_image, static_folder
from ferryman.project.dockerfile.lines import NEWEST
from ferryman.project.dockerfile.writing import dockerfile

__all__ = ["NEWEST", "dockerfile", "in_image", "static_folder"]
