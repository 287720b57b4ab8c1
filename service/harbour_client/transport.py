"""One request and its answer: attempts, errors, and answers that are used again while they hold."""

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from harbour_client.errors import NoAnswer, problem

TRY_LATER = frozenset({429, 503})
REMEMBERED_ANSWERS = 256


class Transport:
    """Sends requests over an httpx client.

    An answer to GET is kept with its ETag; while Harbour says 304, the kept one is returned. After 429 and 503 the
    client waits as long as `Retry-After` says and asks again, as long as the waits add up to less than `patience`
    seconds. A POST is asked again only after 429 and 503 too, which Harbour answers before it does anything.
    """

    def __init__(self, http: httpx.Client, patience: float, sleep: Callable[[float], None] = time.sleep) -> None:
        """Take the client, the longest sum of waits in seconds, and how to wait."""
        self.http = http
        self.patience = patience
        self.sleep = sleep
        self.remembered: OrderedDict[str, tuple[str, Any]] = OrderedDict()

    def ask(self, method: str, path: str, *, query: dict[str, Any] | None = None, body: Any = None) -> Any:
        """Return the answer's JSON, None where there is none. Raises ProblemError, NoAnswer."""
        request = self.http.build_request(method, path, params=_given(query), json=body)
        known = self.remembered.get(str(request.url)) if method == "GET" else None
        if known:
            request.headers["If-None-Match"] = known[0]
        response = self._send(request)
        if response.status_code == 304 and known:
            return known[1]
        if not response.is_success:
            raise problem(response)
        value = response.json() if response.content else None
        if method == "GET" and "ETag" in response.headers:
            self._remember(str(request.url), response.headers["ETag"], value)
        return value

    def pages(self, path: str, query: dict[str, Any]) -> Iterator[Any]:
        """Yield what is on this page and on those after it."""
        page = self.ask("GET", path, query=query)
        yield from page["results"]
        while page["next"]:
            following = urlsplit(page["next"])
            page = self.ask("GET", f"{following.path}?{following.query}")
            yield from page["results"]

    def _send(self, request: httpx.Request) -> httpx.Response:
        waited = 0.0
        while True:
            try:
                response = self.http.send(request)
            except httpx.TransportError as error:
                raise NoAnswer(f"{request.method} {request.url}: {error}") from error
            wait = _seconds(response.headers.get("Retry-After", ""))
            if response.status_code not in TRY_LATER or wait is None or waited + wait > self.patience:
                return response
            self.sleep(wait)
            waited += wait

    def _remember(self, url: str, etag: str, value: Any) -> None:
        self.remembered[url] = (etag, value)
        self.remembered.move_to_end(url)
        if len(self.remembered) > REMEMBERED_ANSWERS:
            self.remembered.popitem(last=False)


def _given(query: dict[str, Any] | None) -> dict[str, Any] | None:
    """Leave out what was not given; a query of None keeps the one in the address."""
    return None if query is None else {name: value for name, value in query.items() if value is not None}


def _seconds(text: str) -> float | None:
    return float(text) if text.isascii() and text.isdecimal() else None
