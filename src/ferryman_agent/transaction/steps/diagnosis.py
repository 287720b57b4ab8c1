"""Pure: what the answer of a health check tells about its cause, and what to do about it."""

from __future__ import annotations

from urllib.parse import SplitResult, parse_qs, urlsplit

from ferryman_agent.host.probe import Answer
from ferryman_agent.manifest import Manifest

DISALLOWED = ("Invalid HTTP_HOST header", "DisallowedHost")
RIGHT_PATH = "is [app.roles.web] health the right path?"


def told(answer: Answer, manifest: Manifest) -> str:
    """What a health check answered, with what belongs to it: where a redirect leads, whose host was refused."""
    if answer.status is None:
        return "does not answer"
    if answer.is_redirect and answer.location:
        return f"answers {answer.status}, a redirect to {answer.location}"
    if answer.status == 400:
        return f"answers 400 to the host {manifest.host_header}"
    return f"answers {answer.status}"


def advised(answer: Answer, manifest: Manifest, hosts: str | None, lines: list[str]) -> str:
    """What to do about it; '' where the log says more. `hosts`: what the app was given as ALLOWED_HOSTS, None when
    somebody set that on the server. `lines`: the end of its log.
    """
    if answer.status is None:
        return ""
    if answer.is_redirect:
        return _of_redirect(answer.location, manifest)
    if answer.status == 400:
        return _of_hosts(
            manifest.host_header, hosts, any(word in "\n".join([answer.body, *lines]) for word in DISALLOWED)
        )
    if answer.status in (401, 403):
        return f"{manifest.web.health} asks for a login: name a path in [app.roles.web] health that answers without one"
    return RIGHT_PATH if 400 < answer.status < 500 else ""


def _of_redirect(location: str, manifest: Manifest) -> str:
    target, health = _split(location), manifest.web.health
    if target is None:
        return RIGHT_PATH
    if target.netloc and target.hostname != manifest.host_header:
        return f"the app sends {manifest.host_header} elsewhere: is that PREPEND_WWW, or a middleware of its own?"
    if target.scheme == "https":
        return (
            'SECURE_SSL_REDIRECT is on, and the app is reached over http: set it to os.environ["FERRYMAN_SCHEME"] == '
            f'"https", or add {health} to SECURE_REDIRECT_EXEMPT'
        )
    if "next" in parse_qs(target.query):
        return f"{health} asks for a login: name a path in [app.roles.web] health that answers without one"
    if target.path and target.path != health:
        return f'name the path that answers itself, such as [app.roles.web] health = "{target.path}"'
    return RIGHT_PATH


def _of_hosts(host: str, hosts: str | None, is_certain: bool) -> str:
    beginning = f"ALLOWED_HOSTS does not take {host};" if is_certain else f"does ALLOWED_HOSTS take {host}?"
    if hosts is None:
        return f"{beginning} it was set with `ferryman env set`, whose value wins"
    return f"{beginning} the app was given ALLOWED_HOSTS={hosts}: make the settings read that"


def _split(location: str) -> SplitResult | None:
    """The address that a redirect leads to; None when there is none, or it is no address."""
    try:
        return urlsplit(location) if location else None
    except ValueError:
        return None
