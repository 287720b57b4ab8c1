"""Images: built from a commit, labelled, pushed to a registry, found there again."""

from ferryman.image.build import BuildRequest, BuiltImage, build_cache, build_image
from ferryman.image.credentials import Credentials, find_credentials
from ferryman.image.push import Pushed, push
from ferryman.image.reference import Reference, rerouted, split_reference
from ferryman.image.registry import manifest_digest, require_manifest, set_tag

__all__ = [
    "BuildRequest",
    "BuiltImage",
    "Credentials",
    "Pushed",
    "Reference",
    "build_cache",
    "build_image",
    "find_credentials",
    "manifest_digest",
    "push",
    "require_manifest",
    "rerouted",
    "set_tag",
    "split_reference",
]
