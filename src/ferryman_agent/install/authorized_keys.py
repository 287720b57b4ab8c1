"""Keys that may log in as the deploy user, and the file that binds each to one role."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from ferryman_agent.errors import BadRequest

KEY_KINDS = (
    "ssh-ed25519",
    "ssh-rsa",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
)
COMMENT_LIMIT_CHARACTERS = 100
HEADING = "# Ferryman binds each key to a role: no shell, no forwarding. `ferryman server setup` adds keys.\n"
_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_KEY = re.compile(r"(?:^|\s)(" + "|".join(re.escape(kind) for kind in KEY_KINDS) + r")\s+([A-Za-z0-9+/]+=*)")


@dataclass(frozen=True)
class Key:
    """A public key; two with different comments are the same key."""

    kind: str
    encoded: str
    comment: str

    @property
    def identity(self) -> tuple[str, str]:
        return self.kind, self.encoded


def parse_key(text: object) -> Key:
    """A key from "type base64 [comment]"; BadRequest `key-malformed` for anything else, options included."""
    lines = text.strip().splitlines() if isinstance(text, str) else []
    words = lines[0].split(maxsplit=2) if len(lines) == 1 else []
    if len(words) < 2 or words[0] not in KEY_KINDS:
        raise _malformed(text, f"it must be one of {', '.join(KEY_KINDS)}, then base64, then a comment")
    comment = words[2] if len(words) == 3 else ""
    if not comment.isprintable() or len(comment) > COMMENT_LIMIT_CHARACTERS:
        raise _malformed(text, f"its comment must be one line of at most {COMMENT_LIMIT_CHARACTERS} characters")
    try:
        blob = base64.b64decode(words[1], validate=True)
    except binascii.Error:
        raise _malformed(text, "its second word is not base64") from None
    if not blob.startswith(len(words[0]).to_bytes(4, "big") + words[0].encode()):
        raise _malformed(text, "its data is of another type, or was cut off")
    return Key(words[0], words[1], comment)


def role_line(key: Key, role: str) -> str:
    """The line that lets a key do what its role may, and nothing else."""
    command = f'restrict,command="/usr/local/bin/ferryman-agent relay --role {role}"'
    return f"{command} {key.kind} {key.encoded} {key.comment}".rstrip()


def merged(present: str, roles: dict[str, list[Key]]) -> str:
    """The file's text with the asked-for keys in it.

    A key stands once, with the role that was asked for last; lines of other keys stay as they are.
    """
    wanted = {key.identity: role_line(key, role) for role, keys in roles.items() for key in keys}
    lines = []
    for line in present.splitlines():
        identity = _identity(line)
        if identity not in wanted:
            lines.append(line)
        elif wanted[identity]:
            # A changed comment alone is no reason to write the file.
            lines.append(line if _same_rights(line, wanted[identity]) else wanted[identity])
            wanted[identity] = ""
    lines += [line for line in wanted.values() if line]
    heading = "" if HEADING.rstrip() in lines else HEADING
    return heading + "\n".join(lines) + "\n"


def _identity(line: str) -> tuple[str, str] | None:
    found = None if line.lstrip().startswith("#") else _KEY.search(_QUOTED.sub('""', line))
    return (found[1], found[2]) if found else None


def _same_rights(line: str, wanted: str) -> bool:
    return line.startswith(wanted.split('" ', maxsplit=1)[0] + '" ')


def _malformed(text: object, reason: str) -> BadRequest:
    return BadRequest("key-malformed", f"not a public key: {str(text)[:60]!r}: {reason}", state="nothing was changed")
