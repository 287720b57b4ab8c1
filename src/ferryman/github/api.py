"""GitHub's REST API for one repository: the token, pages, rate limits, and each failure as one of Ferryman's errors."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from ferryman import __version__
from ferryman.errors import FerrymanError, Refused, Unreachable, UsageError

PUBLIC_API = "https://api.github.com"
VERSION = "2022-11-28"
TIMEOUT_SECONDS = 20.0
PAGE_SIZE = 100
PAGES = 1000
TRIES = 3
WAIT_LIMIT_SECONDS = 60.0
REPOSITORY = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+")
SERVER_FAULTS = (500, 502, 503, 504)


@dataclass(frozen=True)
class Access:
    """Which repository, where, and with which token. The token is not shown when the object is."""

    repository: str
    token: str = field(repr=False)
    api: str = PUBLIC_API


def find_access(variables: Mapping[str, str]) -> Access:
    """The access that GITHUB_REPOSITORY, GITHUB_TOKEN and GITHUB_API_URL describe; UsageError when they do not."""
    missing = [name for name in ("GITHUB_REPOSITORY", "GITHUB_TOKEN") if not variables.get(name)]
    if missing:
        raise UsageError(
            "github-not-configured",
            f"{' and '.join(missing)} must be set in the environment",
            state="nothing was changed",
            hint="in a workflow: env: GITHUB_TOKEN; elsewhere also GITHUB_REPOSITORY=owner/name",
        )
    repository, api = variables["GITHUB_REPOSITORY"], (variables.get("GITHUB_API_URL") or PUBLIC_API).rstrip("/")
    if not REPOSITORY.fullmatch(repository) or {".", ".."} & set(repository.split("/")):
        raise _misconfigured(f"GITHUB_REPOSITORY is {repository!r}; it must be owner/name")
    if not _is_safe(api):
        raise _misconfigured(f"GITHUB_API_URL is {api!r}; it must begin with https://")
    return Access(repository, variables["GITHUB_TOKEN"], api)


def _misconfigured(message: str) -> UsageError:
    return UsageError("github-not-configured", message, state="nothing was changed")


def _is_safe(address: str) -> bool:
    """https, or http on this machine: the token must not travel in the clear."""
    try:
        parts = urlsplit(address)
        if not parts.hostname:
            return False
        return parts.scheme == "https" or (parts.scheme == "http" and ipaddress.ip_address(parts.hostname).is_loopback)
    except ValueError:
        return False


class GitHub:
    """One repository. `pause` waits for seconds, `now` is the Unix time: rate limits are told in it."""

    def __init__(
        self,
        access: Access,
        *,
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self.repository = access.repository
        self.owner = access.repository.partition("/")[0]
        self._pause, self._now = pause, now
        self._client = httpx.Client(
            base_url=access.api,
            timeout=timeout,
            trust_env=access.api.startswith("https:"),
            headers={
                "Authorization": f"Bearer {access.token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": VERSION,
                "User-Agent": f"ferryman/{__version__}",
            },
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def get(self, path: str, **query: str | int) -> Any:
        """What GitHub has at a path below the repository's; None when there is nothing."""
        response = self._call("GET", path, query=query)
        if response.status_code == 404:
            return None
        return self._content(response)

    def pages(self, path: str, **query: str | int) -> Iterator[dict[str, Any]]:
        """The items of a list, page after page."""
        for page in range(1, PAGES + 1):
            items = self.get(path, **query, per_page=PAGE_SIZE, page=page)
            if not isinstance(items, list):
                raise self._unexpected("GET", path, "is no list")
            yield from items
            if len(items) < PAGE_SIZE:
                return
        raise self._unexpected("GET", path, f"has more than {PAGES} pages")

    def put(self, path: str, content: Mapping[str, Any]) -> Any:
        """Replace what is at a path; Refused when GitHub does not take it."""
        response = self._call("PUT", path, content=content)
        if response.status_code in (404, 422):
            raise self._refused("PUT", path, response)
        return self._content(response)

    def delete(self, path: str) -> int:
        """Delete what is at a path; returns 204 when it was, 404, 409 or 422 when GitHub did not."""
        response = self._call("DELETE", path)
        if response.status_code not in (204, 404, 409, 422):
            raise self._unexpected("DELETE", path, f"is answered with status {response.status_code}")
        return response.status_code

    # -- one call

    def _call(
        self, method: str, path: str, *, query: Mapping[str, Any] | None = None, content: Any = None
    ) -> httpx.Response:
        """Send it; what only reads is sent again after a fault, everything after a wait that GitHub asked for."""
        fault = ""
        for attempt in range(1, TRIES + 1):
            try:
                response = self._client.request(
                    method, f"/repos/{self.repository}{path}", params=query or None, json=content
                )
            except httpx.HTTPError as error:
                fault = f"does not answer: {error or type(error).__name__}"
            else:
                if response.status_code not in SERVER_FAULTS:
                    limited = _limited_for(response, self._now())
                    if limited is None:
                        return self._allowed(method, path, response)
                    if limited > WAIT_LIMIT_SECONDS or attempt == TRIES:
                        raise _rate_limited(limited)
                    self._pause(limited)
                    continue
                fault = f"answers with status {response.status_code}"
            if method != "GET" or attempt == TRIES:
                break
            self._pause(float(attempt))
        raise Unreachable("github-unreachable", f"GitHub's API {fault} ({method} {path})", hint="try again later")

    def _allowed(self, method: str, path: str, response: httpx.Response) -> httpx.Response:
        if response.status_code == 401:
            raise Refused("github-token-refused", "GitHub refuses the token in GITHUB_TOKEN", hint="is it still valid?")
        if response.status_code == 403:
            raise self._refused(method, path, response)
        return response

    def _refused(self, method: str, path: str, response: httpx.Response) -> Refused:
        return Refused(
            "github-forbidden",
            f"GitHub does not let this token {method} {path} of {self.repository}: {_message(response)}",
            hint="a clean-up needs the permissions contents: write and pull-requests: read",
        )

    def _content(self, response: httpx.Response) -> Any:
        method, path = response.request.method, response.request.url.path
        if response.status_code != 200:
            raise self._unexpected(method, path, f"is answered with status {response.status_code}")
        try:
            return response.json()
        except ValueError:
            raise self._unexpected(method, path, "is answered with something else than JSON") from None

    def _unexpected(self, method: str, path: str, what: str) -> FerrymanError:
        return Unreachable("github-unexpected", f"GitHub's API: {method} {path} {what}", hint="try again later")


def ref_path(branch: str) -> str:
    """A branch's name as the last part of an address: every character but the plainest is encoded, slashes too."""
    return quote(branch, safe="")


def _limited_for(response: httpx.Response, now: float) -> float | None:
    """Seconds until GitHub may be asked again; None when this is no rate limit."""
    headers = response.headers
    if response.status_code not in (403, 429):
        return None
    if headers.get("Retry-After", "").isdigit():
        return float(headers["Retry-After"])
    if headers.get("X-RateLimit-Remaining") == "0" and headers.get("X-RateLimit-Reset", "").isdigit():
        return max(0.0, float(headers["X-RateLimit-Reset"]) - now) + 1
    return WAIT_LIMIT_SECONDS if response.status_code == 429 else None


def _rate_limited(seconds: float) -> Unreachable:
    return Unreachable(
        "github-rate-limited",
        f"GitHub's rate limit is used up; it may be asked again in {seconds:.0f} s",
        hint="try again then",
    )


def _message(response: httpx.Response) -> str:
    try:
        return str(response.json()["message"])[:300]
    except (ValueError, KeyError, TypeError):
        return f"status {response.status_code}"
