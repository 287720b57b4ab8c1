"""The types of the values in ferryman.toml, each with the sentence that says what is allowed."""

from __future__ import annotations

import base64
import binascii
import posixpath
import re
from dataclasses import dataclass
from typing import Annotated, Any, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from ferryman.config.quantities import DURATION_PATTERN, SIZE_PATTERN, parse_duration, parse_size

# The agent's own parser, which is pure: two would disagree sooner or later. Nothing else of the agent's is used here.
from ferryman_agent.cron import NICKNAMES, parse_cron

SMALLEST_MEMORY_BYTES = 6 * 1024 * 1024
HOST_KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")

_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_COMPONENT = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
_TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
_DIGEST = r"sha256:[0-9a-f]{64}"
NAME_PATTERN = r"^[a-z][a-z0-9-]{0,30}$"
_REGISTRY = r"(localhost|[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|[A-Za-z0-9-]+:[0-9]+|localhost:[0-9]+|[A-Za-z0-9.-]+:[0-9]+)"


@dataclass(frozen=True)
class Allowed:
    """Metadata of a type: what a person may write there."""

    text: str


class Section(BaseModel):
    """A table of ferryman.toml: what all of them have in common."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


def refuse(reason: str) -> PydanticCustomError:
    """An error whose reason is shown after the value."""
    return PydanticCustomError("refused", "{reason}", {"reason": reason})


def is_unresolved(value: object, info: ValidationInfo) -> bool:
    """True where a value holds variables that are resolved, and then checked, only when its environment is used."""
    return bool(info.context and info.context.get("unresolved")) and isinstance(value, str) and "${" in value


def _resolved(pattern: str) -> AfterValidator:
    def check(value: str, info: ValidationInfo) -> str:
        if is_unresolved(value, info) or re.fullmatch(pattern, value):
            return value
        raise refuse("can't be used")

    return AfterValidator(check)


def _normal_path(value: str) -> str:
    if posixpath.normpath(value) != value or ".." in value.split("/"):
        raise refuse("is not a plain path")
    return value


def _mount_path(value: str) -> str:
    if not value.startswith("/"):
        raise refuse("is not absolute")
    if not re.fullmatch(r"(/[A-Za-z0-9._-]+)+", value):
        raise refuse("can't be used")
    return _normal_path(value)


def _inner_path(value: str) -> str:
    if value.startswith("/"):
        raise refuse("is absolute")
    if not value or any(ord(character) < 32 for character in value):
        raise refuse("can't be used")
    return _normal_path(value)


def _duration(value: object) -> object:
    if not isinstance(value, str):
        raise refuse("has no unit")
    try:
        return parse_duration(value)
    except ValueError:
        raise refuse("is not a duration") from None


def _size(value: object) -> object:
    if not isinstance(value, str):
        raise refuse("has no unit")
    try:
        size = parse_size(value)
    except ValueError:
        raise refuse("is not a size") from None
    if size < SMALLEST_MEMORY_BYTES:
        raise refuse("is too small")
    return size


def _health(value: str) -> str:
    if not value.startswith("/"):
        raise refuse('does not begin with "/"')
    if not re.fullmatch(r"/[A-Za-z0-9._~%/?&=+:@,-]*", value):
        raise refuse("can't be used")
    return value


def _image(value: str) -> str:
    if re.search(r"(:[A-Za-z0-9_.-]+|@.*)$", value.rsplit("/", 1)[-1]):
        raise refuse("names a tag or digest")
    if not re.fullmatch(rf"({_REGISTRY}/)?{_COMPONENT}(/{_COMPONENT})*", value) or len(value) > 200:
        raise refuse("is no image name")
    return value


def _pinned_image(value: str) -> str:
    repository, _, digest = value.partition("@")
    name, colon, tag = repository.rpartition(":") if ":" in repository.rsplit("/", 1)[-1] else (repository, "", "")
    if not colon and not digest:
        raise refuse("names neither a tag nor a digest")
    if (colon and not re.fullmatch(_TAG, tag)) or ("@" in value and not re.fullmatch(_DIGEST, digest)):
        raise refuse("has a tag or digest that can't be used")
    _image(name)
    return value


def _cron(value: str) -> str:
    try:
        parse_cron(value)
    except ValueError as error:
        raise refuse(str(error)) from None
    return value


def _port(value: Any, info: ValidationInfo) -> int:
    if is_unresolved(value, info):
        return cast("int", value)
    is_from_variable = not (info.context and info.context.get("unresolved"))
    if isinstance(value, str) and is_from_variable and re.fullmatch("[0-9]{1,5}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise PydanticCustomError("int_type", "not an integer")
    if not 1 <= value <= 65535:
        raise refuse("can't be used")
    return value


def _host_key(value: str, info: ValidationInfo) -> str:
    if is_unresolved(value, info):
        return value
    words = value.split()
    if len(words) < 2 or words[0] not in HOST_KEY_TYPES:
        raise refuse("is no public host key")
    # The placeholder of an example must not stop a call for another environment: the key itself is read on use.
    if not (info.context and info.context.get("unresolved")) and not _is_whole_key(words[0], words[1]):
        raise refuse("is not a whole public key")
    return " ".join(words[:2])


def _is_whole_key(kind: str, encoded: str) -> bool:
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(blob) > 32 and blob[4 : 4 + int.from_bytes(blob[:4], "big")] == kind.encode()


Name = Annotated[
    str,
    StringConstraints(pattern=NAME_PATTERN),
    Allowed("lower-case letters, digits and -, beginning with a letter, at most 31 characters"),
]
Image = Annotated[
    str,
    AfterValidator(_image),
    Allowed('a repository without a tag, such as "team/shop" (Docker Hub) or "ghcr.io/team/shop"'),
]
PinnedImage = Annotated[
    str,
    AfterValidator(_pinned_image),
    WithJsonSchema({"type": "string", "pattern": "[:@]"}),
    Allowed('an image with its tag or digest, such as "redis:7" or "redis@sha256:..."'),
]
CronExpression = Annotated[
    str,
    AfterValidator(_cron),
    WithJsonSchema({"type": "string", "pattern": rf"^({'|'.join(NICKNAMES)}|\\S+( +\\S+){{4}})$"}),
    Allowed('five fields in UTC, such as "30 3 * * mon-fri", or a name such as "@daily"'),
]
InnerPath = Annotated[
    str, AfterValidator(_inner_path), Allowed('a path below the folder it is in, without ".."; "." is the folder')
]
MountPath = Annotated[str, AfterValidator(_mount_path), Allowed('an absolute path other than "/", without ".."')]
Argument = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$"), Allowed("a string")]
Command = Annotated[
    tuple[Argument, ...], Field(strict=False), Allowed('an array of strings, such as ["python", "worker.py"]')
]
NonEmptyCommand = Annotated[
    tuple[Argument, ...],
    Field(strict=False, min_length=1),
    Allowed('a non-empty array of strings, such as ["python", "manage.py", "migrate"]'),
]
Duration = Annotated[
    float,
    BeforeValidator(_duration),
    WithJsonSchema({"type": "string", "pattern": DURATION_PATTERN}),
    Allowed('a number with a unit (ms, s, m, h), such as "30s"'),
]
Memory = Annotated[
    int,
    BeforeValidator(_size),
    WithJsonSchema({"type": "string", "pattern": SIZE_PATTERN}),
    Allowed('a whole number with a unit (k, m, g), such as "384m", of at least 6m'),
]
HealthPath = Annotated[
    str,
    AfterValidator(_health),
    WithJsonSchema({"type": "string", "pattern": "^/"}),
    Allowed('a path that begins with "/", such as "/health/ready"'),
]
VariableName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$"),
    Allowed("a variable's name: letters, digits and _, not beginning with a digit"),
]
VariableValue = Annotated[str, StringConstraints(pattern=r"^[^\x00]*$"), Allowed('a string, such as "1"')]
Port = Annotated[int, Field(ge=1, le=65535), Allowed("an integer from 1 to 65535")]
SshPort = Annotated[
    int,
    PlainValidator(_port),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": 1, "maximum": 65535},
                {"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"},
            ]
        }
    ),
    Allowed("an integer from 1 to 65535, or a variable that holds one"),
]
Host = Annotated[
    str,
    _resolved(r"[A-Za-z0-9:]([A-Za-z0-9.:_-]{0,251}[A-Za-z0-9])?|::"),
    Allowed("a host name or an IP address"),
]
User = Annotated[
    str,
    _resolved(r"[A-Za-z_][A-Za-z0-9_.-]{0,31}"),
    Allowed("a user name: letters, digits, _, . and -, beginning with a letter or _"),
]
HostKey = Annotated[
    str,
    AfterValidator(_host_key),
    Allowed('a public host key, such as "ssh-ed25519 AAAA..."; `ferryman server setup` writes it'),
]
Identity = Annotated[str, _resolved(r"[^\x00-\x1f-][^\x00-\x1f]*"), Allowed("the path of a private key file")]
Domain = Annotated[
    str,
    _resolved(rf"(?!.{{254}}){_LABEL}(\.{_LABEL})*"),
    Allowed('a host name in lower case, such as "shop.example.com"'),
]
BranchPattern = Annotated[
    str,
    StringConstraints(pattern=r"^[^\x00-\x20]{1,255}$"),
    Allowed('a branch\'s name without spaces, such as "staging" or "release/*"'),
]
Url = Annotated[
    str,
    _resolved(r"https?://[A-Za-z0-9.:\[\]_-]+/?"),
    Allowed('an address without a path, such as "https://shop.example.com"'),
]
