"""A registry in memory, for what the real one of the end-to-end tests can't be brought to do: old images, faults."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class RegistryStandIn(ThreadingHTTPServer):
    """Holds the repository `shop`. `deletes` is the status of a deletion; 202 carries it out."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.manifests: dict[str, tuple[str, bytes]] = {}
        self.tags: dict[str, str] = {}
        self.blobs: dict[str, bytes] = {}
        self.deletes = 202
        self.page = 100
        self.deleted: list[str] = []
        self.before: Callable[[str, str], None] = lambda *_: None

    @property
    def image(self) -> str:
        """The name of the repository, with the registry's address."""
        return f"127.0.0.1:{self.server_address[1]}/shop"

    def push(
        self,
        *tags: str,
        created: Any = "2026-01-01T00:00:00Z",
        layers: dict[str, int] | None = None,
        committed: str = "",
    ) -> str:
        """An image; returns its digest."""
        described: dict[str, Any] = {"created": created, "layers": sorted(layers or {})}
        if committed:
            described["config"] = {"Labels": {"ferryman.committed": committed}}
        configuration = json.dumps(described).encode()
        self.blobs[_digest(configuration)] = configuration
        content = {
            "schemaVersion": 2,
            "config": {"digest": _digest(configuration), "size": len(configuration)},
            "layers": [{"digest": name, "size": size} for name, size in (layers or {"base": 1000}).items()],
        }
        return self._put(MANIFEST, content, tags)

    def push_list(self, *tags: str, of: list[str]) -> str:
        """A list of images, such as one for several platforms."""
        return self._put(INDEX, {"schemaVersion": 2, "manifests": [{"digest": digest} for digest in of]}, tags)

    def _put(self, kind: str, content: dict[str, Any], tags: tuple[str, ...]) -> str:
        body = json.dumps(content).encode()
        self.manifests[_digest(body)] = (kind, body)
        self.tags |= dict.fromkeys(tags, _digest(body))
        return _digest(body)

    def delete(self, digest: str) -> int:
        """Delete by digest, with every tag of it, as a registry does; returns the status."""
        if self.deletes != 202:
            return self.deletes
        if self.manifests.pop(digest, None) is None:
            return 404
        self.deleted.append(digest)
        self.tags = {tag: named for tag, named in self.tags.items() if named != digest}
        return 202

    @contextlib.contextmanager
    def running(self) -> Iterator[Self]:
        """Serve until the block ends."""
        thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            thread.join()
            self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: RegistryStandIn
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        path, what = urlsplit(self.path), self.path.partition("?")[0].removeprefix("/v2/shop/")
        self.server.before("GET", what)
        kind, _, name = what.partition("/")
        if what == "tags/list":
            self._list(parse_qs(path.query))
        elif kind == "manifests":
            media, body = self.server.manifests.get(self.server.tags.get(name, name), ("", None))
            self._reply(200 if body else 404, body or b"{}", {"Content-Type": media or "application/json"})
        else:
            found = self.server.blobs.get(name)
            self._reply(200 if found else 404, found or b"{}")

    def do_DELETE(self) -> None:
        name = self.path.removeprefix("/v2/shop/manifests/")
        self.server.before("DELETE", name)
        self._reply(self.server.delete(name), b"{}")

    def _list(self, query: dict[str, list[str]]) -> None:
        size, last = min(int(query["n"][0]), self.server.page), query.get("last", [""])[0]
        listed = sorted(tag for tag in self.server.tags if tag > last)
        link = f'</v2/shop/tags/list?n={size}&last={listed[size - 1]}>; rel="next"' if len(listed) > size else ""
        body = json.dumps({"name": "shop", "tags": listed[:size] or None}).encode()
        self._reply(200, body, {"Link": link} if link else {})

    def _reply(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""
