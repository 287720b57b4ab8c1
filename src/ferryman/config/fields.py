"""The kinds of the values in ferryman.toml, each with the sentence that says what is allowed."""

from __future__ import annotations

import posixpath
import re
from typing import Any

from ferryman.config.quantities import DURATION_PATTERN, SIZE_PATTERN, parse_duration, parse_size
from ferryman.config.section import (
    Array,
    Either,
    Integer,
    Kind,
    Mistake,
    Place,
    Quantity,
    Table,
    Text,
    WrongTable,
    fits,
    require,
)

# The agent's own parser, which is pure: two would disagree sooner or later. Nothing else of the agent's is used here.
from ferryman_agent.cron import NICKNAMES, parse_cron

SMALLEST_MEMORY_BYTES = 6 * 1024 * 1024
SMALLEST_TMPFS_BYTES = 1024 * 1024
HOST_KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")
NAME_PATTERN = r"[a-z][a-z0-9-]{0,30}"

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_COMPONENT = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
_REGISTRY = r"(localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+:[0-9]+|localhost:[0-9]+|[A-Za-z0-9.-]+:[0-9]+)"


def _resolved(allowed: str, pattern: str) -> Text:
    """A text that may hold variables, and fits the pattern once they are resolved."""

    def check(value: str, place: Place) -> str:
        if place.passes(value) or fits(pattern, value):
            return value
        raise Mistake("can't be used")

    return Text(allowed, check=check)


def _normal_path(value: str) -> str:
    if posixpath.normpath(value) != value or ".." in value.split("/"):
        raise Mistake("is not a plain path")
    return value


def _mount_path(value: str, _: Place) -> str:
    if not value.startswith("/"):
        raise Mistake("is not absolute")
    if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+", value):
        raise Mistake("can't be used")
    return _normal_path(value)


def _inner_path(value: str, _: Place) -> str:
    if value.startswith("/"):
        raise Mistake("is absolute")
    if not value or any(ord(character) < 32 for character in value):
        raise Mistake("can't be used")
    return _normal_path(value)


def _health(value: str, _: Place) -> str:
    if not value.startswith("/"):
        raise Mistake('does not begin with "/"')
    if not re.fullmatch(r"/[A-Za-z0-9._~%/?&=+:@,-]*", value):
        raise Mistake("can't be used")
    return value


def _image(value: str, _: Place) -> str:
    if re.search(r"(:[A-Za-z0-9_.-]+|@.*)$", value.rsplit("/", 1)[-1]):
        raise Mistake("names a tag or digest")
    if not re.fullmatch(rf"({_REGISTRY}/)?{_COMPONENT}(/{_COMPONENT})*", value) or len(value) > 200:
        raise Mistake("is no image name")
    return value


def _pinned_image(value: str, place: Place) -> str:
    repository, _, digest = value.partition("@")
    name, colon, tag = repository.rpartition(":") if ":" in repository.rsplit("/", 1)[-1] else (repository, "", "")
    if not colon and not digest:
        raise Mistake("names neither a tag nor a digest")
    if (colon and not re.fullmatch(_TAG, tag)) or ("@" in value and not re.fullmatch(_DIGEST, digest)):
        raise Mistake("has a tag or digest that can't be used")
    _image(name, place)
    return value


def _cron(value: str, _: Place) -> str:
    try:
        parse_cron(value)
    except ValueError as error:
        raise Mistake(str(error)) from None
    return value


def is_cron(value: str) -> bool:
    """Whether a text is a time of `[app.schedules]`."""
    try:
        parse_cron(value)
    except ValueError:
        return False
    return True


def _host_key(value: str, place: Place) -> str:
    if place.passes(value):
        return value
    words = value.split()
    if len(words) < 2 or words[0] not in HOST_KEY_TYPES:
        raise Mistake("is no public host key")
    # The placeholder of an example must not stop a call for another environment: the key itself is read on use.
    if not place.is_unresolved and not _is_whole_key(words[0], words[1]):
        raise Mistake("is not a whole public key")
    return " ".join(words[:2])


def _is_whole_key(kind: str, encoded: str) -> bool:
    import base64
    import binascii

    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(blob) > 32 and blob[4 : 4 + int.from_bytes(blob[:4], "big")] == kind.encode()


class SshPortKind(Kind):
    """A port, or a variable that holds one: resolved, it is a text."""

    allowed = "an integer from 1 to 65535, or a variable that holds one"
    schema: Any = {  # noqa: RUF012 - never changed
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": 65535},
            {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"},
        ]
    }

    def read(self, value: Any, place: Place) -> Any:
        """The number; while variables are not resolved, the text with one."""
        if isinstance(value, str) and place.passes(value):
            return value
        if isinstance(value, str) and not place.is_unresolved and fits("[0-9]{1,5}", value):
            value = int(value)
        require(value, int)
        if not 1 <= value <= 65535:
            raise Mistake("can't be used")
        return value


def _each_path_once(volumes: dict[str, Any]) -> None:
    seen: dict[str, str] = {}
    for name, path in volumes.items():
        if path in seen:
            raise WrongTable(f'{name} and {seen[path]} have the same path, "{path}"')
        seen[path] = name


NAME = Text("lower-case letters, digits and -, beginning with a letter, at most 31 characters", pattern=NAME_PATTERN)
IMAGE = Text('a repository without a tag, such as "team/shop" (Docker Hub) or "ghcr.io/team/shop"', check=_image)
PINNED_IMAGE = Text(
    'an image with its tag or digest, such as "redis:7" or "redis@sha256:..."',
    check=_pinned_image,
    schema={"pattern": "[:@]"},
)
CRON_EXPRESSION = Text(
    'five fields in UTC, such as "30 3 * * mon-fri", or a name such as "@daily"',
    check=_cron,
    schema={"pattern": rf"^({'|'.join(NICKNAMES)}|\S+( +\S+){{4}})$"},
)
INNER_PATH = Text('a path below the folder it is in, without ".."; "." is the folder', check=_inner_path)
MOUNT_PATH = Text('an absolute path other than "/", without ".."', check=_mount_path, schema={"pattern": "^/"})
ARGUMENT = Text("a string", pattern=r"[^\x00]*")
COMMAND = Array('an array of strings, such as ["python", "worker.py"]', ARGUMENT)
NON_EMPTY_COMMAND = Array('a non-empty array of strings, such as ["python", "manage.py", "migrate"]', ARGUMENT, least=1)
DURATION = Quantity('a number with a unit (ms, s, m, h), such as "30s"', "a duration", DURATION_PATTERN, parse_duration)
MEMORY = Quantity(
    'a whole number with a unit (k, m, g), such as "384m", of at least 6m',
    "a size",
    SIZE_PATTERN,
    parse_size,
    SMALLEST_MEMORY_BYTES,
)
HEALTH_PATH = Text('a path that begins with "/", such as "/health/ready"', check=_health, schema={"pattern": "^/"})
VARIABLE_NAME = Text(
    "a variable's name: letters, digits and _, not beginning with a digit", pattern="[A-Za-z_][A-Za-z0-9_]*"
)
VARIABLE_VALUE = Text('a string, such as "1"', pattern=r"[^\x00]*")
PORT = Integer("an integer from 1 to 65535", 1, 65535)
SSH_PORT = SshPortKind()
HOST = _resolved("a host name or an IP address", r"[A-Za-z0-9:]([A-Za-z0-9.:_-]{0,251}[A-Za-z0-9])?|::")
USER = _resolved(
    "a user name: letters, digits, _, . and -, beginning with a letter or _", r"[A-Za-z_][A-Za-z0-9_.-]{0,31}"
)
HOST_KEY = Text('a public host key, such as "ssh-ed25519 AAAA..."; `ferryman server setup` writes it', check=_host_key)
IDENTITY = _resolved("the path of a private key file", r"[^\x00-\x1f-][^\x00-\x1f]*")
DOMAIN = _resolved('a host name in lower case, such as "shop.example.com"', rf"(?!.{{254}}){_LABEL}(\.{_LABEL})*")
BRANCH = Text("a branch's name: letters, digits, _, ., / and -", pattern=r"[A-Za-z0-9_][A-Za-z0-9_./-]{0,199}")
BRANCH_PATTERN = Text(
    'a branch\'s name without spaces, such as "staging" or "release/*"', pattern=r"[^\x00-\x20]{1,255}"
)
URL = _resolved('an address without a path, such as "https://shop.example.com"', r"https?://[A-Za-z0-9.:\[\]_-]+/?")
REPORTS_URL = Text('an address such as "https://harbour.example.com"', pattern=r"https?://[^\s/]+(/\S*)?")
TMPFS_SIZE = Quantity(
    'a whole number with a unit (k, m, g), such as "256m", of at least 1m',
    "a size",
    SIZE_PATTERN,
    parse_size,
    SMALLEST_TMPFS_BYTES,
)
TMPFS = Either(
    'an array of absolute paths, such as ["/tmp"], or a table of sizes, such as { "/tmp" = "256m" }',
    Array("", MOUNT_PATH),
    Table("", MOUNT_PATH, TMPFS_SIZE),
)
VARIABLES = Table("a table of strings", VARIABLE_NAME, VARIABLE_VALUE)
VARIABLE_NAMES = Array("an array of variables' names", VARIABLE_NAME)
VOLUMES = Table('a table of paths, such as media = "/app/media"', NAME, MOUNT_PATH, _each_path_once)
