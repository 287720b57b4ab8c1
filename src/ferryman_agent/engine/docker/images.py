"""Images of the engine: looking them up, pulling and removing them, and what they take."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from contextlib import closing
from urllib.parse import quote

from ferryman_agent.engine.docker.api import CONFLICT, NOT_FOUND, Api
from ferryman_agent.engine.docker.reading import image_of, usage_of
from ferryman_agent.engine.docker.transport import call, unbroken
from ferryman_agent.engine.port import EngineError, Image, ImageUsage
from ferryman_agent.errors import Unavailable

USAGE_LIMIT_SECONDS = 30  # an engine before 23 measures volumes too


class Images(Api):
    """What the port asks of images."""

    def image(self, reference: str) -> Image | None:
        """An image by reference or digest."""
        found = self._seek(f"/images/{quote(reference, safe='')}/json")
        return image_of(found) if found else None

    def images(self, repository: str) -> list[Image]:
        """The local images of a repository."""
        filters = json.dumps({"reference": [repository]})
        return [image_of(found) for found in self._ask("GET", "/images/json", query={"filters": filters, "digests": 1})]

    def image_usage(self) -> ImageUsage | None:
        """What all images take; None when it is not known now."""
        try:
            found = self._ask("GET", "/system/df", query={"type": "image"}, timeout=USAGE_LIMIT_SECONDS)
        except (EngineError, Unavailable):  # another one measures at the same time, or it takes too long
            return None
        return usage_of(found or {})

    def pull(self, reference: str, auth: dict[str, str] | None, is_cancelled: Callable[[], bool]) -> None:
        """Pull by tag or digest. EngineError (status 0 when the stream itself reports the fault)."""
        header = {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(auth).encode()).decode()} if auth else {}
        name, separator, tag = reference.partition("@")
        if not separator:
            name, _, tag = reference.rpartition(":")
        url = self._url("/images/create", {"fromImage": name, "tag": tag})
        response, connection = call(self._path, ("POST", url), headers=header, timeout=600)
        with closing(connection), unbroken(f"the pull of {reference}"):
            for line in response:
                if is_cancelled():
                    return
                fault = json.loads(line).get("error") if line.strip() else None
                if fault:
                    raise EngineError(0, str(fault))

    def login(self, auth: dict[str, str]) -> str:
        """Why the registry does not take these credentials, '' when it does."""
        try:
            self._ask("POST", "/auth", auth, timeout=30)
        except EngineError as error:
            return error.reason or "refused"
        return ""

    def remove_image(self, reference: str) -> bool:
        """Remove by digest; False when it is gone already or a container uses it."""
        try:
            self._ask("DELETE", f"/images/{quote(reference, safe='')}")
        except EngineError as error:
            if error.status in (NOT_FOUND, CONFLICT):
                return False
            raise
        return True
