"""The clean-up: merged branches, old images in the registry, unused images on servers, and what came of it."""
