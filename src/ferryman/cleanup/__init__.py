"""The clean-up: merged branches, old images in the registry, unused images on servers, and what came of it."""

from ferryman.cleanup.cleanup import PARTS, Order, clean_up
from ferryman.cleanup.report import Report

__all__ = ["PARTS", "Order", "Report", "clean_up"]
