"""Asks a service for its health as its users reach it: over the network, not from the server itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx

from ferryman.destination import Destination
from ferryman.errors import DeployFailed, UsageError

LIMIT_SECONDS = 30.0
REQUEST_SECONDS = 5.0
PAUSE_SECONDS = 0.5
REDIRECTS = 3


@dataclass(frozen=True)
class Answer:
    """The answer that counted: its address, status and seconds."""

    url: str
    status: int
    seconds: float

    def __str__(self) -> str:
        return f"{self.url} answers {self.status} ({self.seconds * 1000:.0f} ms)"


def check_from_outside(
    destination: Destination, *, limit_seconds: float = LIMIT_SECONDS, is_over: Callable[[], bool] = lambda: False
) -> Answer | None:
    """Ask the health path until it answers 2xx; None when `is_over` said so before it did.

    A redirect counts when it leads to the same path on the same host: from http to https.
    Raises DeployFailed `not-served-outside`, and what `health_address` does.
    """
    url = health_address(destination)
    deadline = time.monotonic() + limit_seconds
    told = "no answer"
    with httpx.Client(timeout=REQUEST_SECONDS) as client:
        while not is_over():
            began = time.monotonic()
            try:
                response = _ask(client, url)
            except httpx.HTTPError as error:
                told = str(error) or type(error).__name__
            else:
                if response.is_success:
                    return Answer(str(response.url), response.status_code, time.monotonic() - began)
                told = f"status {response.status_code}"
            if time.monotonic() + PAUSE_SECONDS > deadline:
                raise _not_served(url, told, limit_seconds)
            time.sleep(PAUSE_SECONDS)
    return None


def health_address(destination: Destination) -> str:
    """The address of the health path, as users reach it; UsageError `address-unknown` where there is none."""
    if not destination.address:
        raise UsageError(
            "address-unknown",
            f"there is no address from outside for {destination.name}",
            state="nothing was asked of the server",
        )
    return destination.address + str(destination.manifest["roles"]["web"]["health"])


def _ask(client: httpx.Client, url: str) -> httpx.Response:
    response = client.get(url)
    for _ in range(REDIRECTS):
        follow = response.next_request
        if follow is None or follow.url.path != response.url.path or follow.url.host != response.url.host:
            break
        response = client.send(follow)
    return response


def _not_served(url: str, told: str, seconds: float) -> DeployFailed:
    return DeployFailed(
        "not-served-outside",
        f"{url} did not answer 2xx from here within {seconds:.0f} s: {told}",
        hint="check the name's address, the firewall, and [environments] url or domain in ferryman.toml",
    )
