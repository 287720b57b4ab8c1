"""Docker Hub's own API (hub.docker.com): lists and deletes tags, which its registry's API does not delete.

The list stands in Docker's published description of the API, and so does the token. The deletion of a tag does not: it
is what Docker's own hub-tool calls.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Self
from urllib.parse import quote

import httpx

from ferryman.errors import FerrymanError, Refused, Unreachable
from ferryman.image.credentials import Credentials
from ferryman.image.reference import Reference

HUB_API = "https://hub.docker.com"
TIMEOUT_SECONDS = 20.0
PAGE_SIZE = 100
PAGES = 1000
TRIES = 3
WAIT_LIMIT_SECONDS = 60.0


class DockerHub:
    """The tags of one repository. `pause` waits for seconds, `now` is the Unix time that rate limits are told in."""

    def __init__(
        self,
        reference: Reference,
        credentials: Credentials | None,
        api: str = HUB_API,
        *,
        pause: Callable[[float], None] = time.sleep,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.namespace, _, self.repository = reference.repository.partition("/")
        self._credentials = credentials
        self._pause, self._now = pause, now
        self._token = ""
        self._client = httpx.Client(base_url=api, timeout=TIMEOUT_SECONDS, trust_env=api.startswith("https:"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def tags(self) -> Iterator[dict[str, Any]]:
        """Every tag, as Docker Hub describes it: `name`, `images`, `full_size`, `tag_last_pushed`, mostly `digest`."""
        path = f"/v2/namespaces/{quote(self.namespace)}/repositories/{quote(self.repository)}/tags"
        for page in range(1, PAGES + 1):
            response = self._ask("GET", path, params={"page": page, "page_size": PAGE_SIZE})
            if response.status_code == 404 and page == 1:
                return
            if response.status_code != 200:
                raise self._refusal(response)
            found = response.json()
            yield from found.get("results") or []
            if not found.get("next"):
                return
        raise self._unreachable(f"tells more than {PAGES} pages of tags")

    def delete_tag(self, tag: str) -> bool:
        """Delete a tag; False when it is gone already. What it named goes once no tag names it."""
        path = f"/v2/repositories/{quote(self.namespace)}/{quote(self.repository)}/tags/{quote(tag, safe='')}/"
        response = self._ask("DELETE", path)
        if response.status_code == 404:
            return False
        if response.status_code not in (200, 202, 204):
            raise self._refusal(response)
        return True

    def _ask(self, method: str, path: str, **request: Any) -> httpx.Response:
        if not self._token:
            self._token = self._log_in()
        headers = {"Authorization": f"Bearer {self._token}"}
        response = self._send(method, path, headers=headers, **request)
        if response.status_code == 401:  # a token lasts ten minutes
            self._token = self._log_in()
            headers = {"Authorization": f"Bearer {self._token}"}
            response = self._send(method, path, headers=headers, **request)
        return response

    def _log_in(self) -> str:
        if self._credentials is None:
            raise Refused(
                "registry-login-refused",
                f"Docker Hub lists the tags of {self.namespace}/{self.repository} for cleaning only after a login",
                hint="set DOCKER_USERNAME and DOCKER_PASSWORD (an access token that may read, write and delete)",
            )
        secrets = {"identifier": self._credentials.username, "secret": self._credentials.password}
        response = self._send("POST", "/v2/auth/token", json=secrets)
        if response.status_code != 200:
            raise self._refusal(response)
        return str(response.json()["access_token"])

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        """Send it; after a rate limit once more when its end is near."""
        for attempt in range(1, TRIES + 1):
            try:
                response = self._client.request(method, path, **request)
            except httpx.HTTPError as error:
                raise self._unreachable(f"does not answer: {error or type(error).__name__}") from None
            if response.status_code != 429:
                return response
            wait = _retry_after(response, self._now())
            if wait > WAIT_LIMIT_SECONDS or attempt == TRIES:
                raise self._unreachable(f"wants no more calls for {wait:.0f} s (rate limit)")
            self._pause(wait)
        raise AssertionError("the last try returns or raises")

    def _refusal(self, response: httpx.Response) -> FerrymanError:
        if response.status_code not in (400, 401, 403):
            return self._unreachable(f"answers with status {response.status_code}")
        who = f'the login "{self._credentials.username}"' if self._credentials else "a call without a login"
        return Refused(
            "registry-login-refused",
            f"Docker Hub refused {who} for {self.namespace}/{self.repository} (status {response.status_code})",
            hint="DOCKER_PASSWORD must be a password, or an access token that may read, write and delete",
        )

    def _unreachable(self, what: str) -> Unreachable:
        return Unreachable("registry-unreachable", f"Docker Hub's API {what}", hint="try again later")


def _retry_after(response: httpx.Response, now: float) -> float:
    """Seconds from Retry-After, or until X-Retry-After, which is a Unix time."""
    for name, start in (("X-Retry-After", now), ("Retry-After", 0.0)):
        text = response.headers.get(name, "")
        if text.isdigit():
            return max(0.0, float(text) - start) + 1
    return WAIT_LIMIT_SECONDS
