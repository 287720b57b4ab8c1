"""The link to a server: one OpenSSH connection per command, JSON lines in both directions."""

from ferryman.link.conversation import Conversation, Link
from ferryman.link.host_key import scan_host_key
from ferryman.link.public_key import PublicKey
from ferryman.link.ssh import SshLink
from ferryman.link.target import Target

__all__ = ["Conversation", "Link", "PublicKey", "SshLink", "Target", "scan_host_key"]
