"""The registry API, with a small registry that asks for a token as Docker Hub does."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from ferryman.errors import Refused, Unreachable
from ferryman.image.credentials import Credentials
from ferryman.image.reference import split_reference
from ferryman.image.registry import Manifest, Registry, manifest_digest, pushed_bytes, require_manifest, set_tag

LOGIN = Credentials("shipper", "right")
MANIFEST = json.dumps({"config": {"digest": "c", "size": 1}, "layers": [{"digest": "l", "size": 7}]}).encode()
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"
MEDIA_TYPE = "application/vnd.oci.image.manifest.v1+json"


class TokenRegistry(ThreadingHTTPServer):
    """Holds manifests by tag and digest; every call needs a token, and only the right password gets one to push."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.manifests = {"a1": MANIFEST, DIGEST: MANIFEST}
        self.failure = 0
        self.realm = f"http://{self.address}/token"
        self.pages: list[tuple[int, bytes, str]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: TokenRegistry

    def do_GET(self) -> None:
        path = urlsplit(self.path)
        if path.path == "/token":
            self.give_token(parse_qs(path.query))
        elif self.is_allowed():
            if path.path.endswith("/tags/list"):
                status, body, following = self.server.pages.pop(0)
                self.reply(status, body, {"Link": following} if following else {})
            else:
                self.give_manifest(path.path)

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.is_allowed(need="push"):
            self.server.manifests[self.path.rsplit("/", 1)[-1]] = body
            self.reply(201)

    def give_token(self, query: dict[str, list[str]]) -> None:
        scope = query["scope"][0]
        given = self.headers.get("Authorization")
        right = base64.b64encode(b"shipper:right").decode()
        if given not in (None, f"Basic {right}"):
            self.reply(401)
        else:
            may = scope if given else scope.removesuffix(",push")
            self.reply(200, json.dumps({"token": may}).encode())

    def is_allowed(self, need: str = "pull") -> bool:
        if self.server.failure:
            self.reply(self.server.failure)
            return False
        token = self.headers.get("Authorization", "")
        if token.startswith("Bearer repository:team/shop:") and need in token:
            return True
        challenge = f'Bearer realm="{self.server.realm}",service="test",scope="ignored"'
        self.reply(401, headers={"WWW-Authenticate": challenge})
        return False

    def give_manifest(self, path: str) -> None:
        body = self.server.manifests.get(path.removeprefix("/v2/team/shop/manifests/"))
        if body is None:
            self.reply(404)
        else:
            self.reply(200, body, {"Content-Type": MEDIA_TYPE})

    def reply(self, status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class names it so
        """Say nothing."""


@pytest.fixture
def registry() -> Iterator[TokenRegistry]:
    with TokenRegistry() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_digest_of_a_tag_is_found_with_a_token(registry: TokenRegistry) -> None:
    assert manifest_digest(f"{registry.address}/team/shop:a1", LOGIN) == DIGEST
    assert manifest_digest(f"{registry.address}/team/shop@{DIGEST}") == DIGEST


def test_an_image_that_is_not_there_has_no_digest_and_is_refused_where_it_must_be(registry: TokenRegistry) -> None:
    reference = f"{registry.address}/team/shop:b2"
    assert manifest_digest(reference, LOGIN) is None

    with pytest.raises(Refused) as caught:
        require_manifest(reference, LOGIN)

    assert (caught.value.code, caught.value.exit_status) == ("image-not-in-registry", 3)


def test_a_wrong_password_is_its_own_error_and_is_not_shown(registry: TokenRegistry) -> None:
    with pytest.raises(Refused) as caught:
        manifest_digest(f"{registry.address}/team/shop:a1", Credentials("shipper", "hunter2"))

    assert caught.value.code == "registry-login-refused"
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}"


def test_a_repository_of_others_is_refused(registry: TokenRegistry) -> None:
    with pytest.raises(Refused) as caught:
        manifest_digest(f"{registry.address}/other/shop:a1", LOGIN)

    assert caught.value.code == "registry-login-refused"


def test_a_registry_that_does_not_answer_is_its_own_error(registry: TokenRegistry) -> None:
    with pytest.raises(Unreachable) as caught:
        manifest_digest("127.0.0.1:1/team/shop:a1", LOGIN)
    assert (caught.value.code, caught.value.exit_status) == ("registry-unreachable", 4)

    registry.failure = 503
    with pytest.raises(Unreachable, match="status 503"):
        manifest_digest(f"{registry.address}/team/shop:a1", LOGIN)


def test_a_tag_is_moved_by_digest_once(registry: TokenRegistry) -> None:
    repository = f"{registry.address}/team/shop"

    assert set_tag(repository, DIGEST, "latest", LOGIN) is True
    assert registry.manifests["latest"] == MANIFEST
    assert set_tag(repository, DIGEST, "latest", LOGIN) is False


def test_a_tag_is_not_moved_without_a_login_or_to_nothing(registry: TokenRegistry) -> None:
    with pytest.raises(Refused) as caught:
        set_tag(f"{registry.address}/team/shop", DIGEST, "latest")
    assert caught.value.code == "registry-login-refused"

    with pytest.raises(Refused) as caught:
        set_tag(f"{registry.address}/team/shop", "sha256:" + "0" * 64, "latest", LOGIN)
    assert caught.value.code == "image-not-in-registry"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Please log in</html>",
        b"[]",
        b'{"config": ["digest"]}',
        b'{"layers": [{"digest": "l"}]}',
        b'{"layers": 7}',
        b'{"layers": [{"digest": "l", "size": "7"}]}',
        b'{"manifests": [{"digest": "latest"}]}',
        b'{"manifests": [{"digest": "../../../other/shop/manifests/sha256:00"}]}',
        b'{"manifests": [{}]}',
    ],
)
def test_what_is_no_manifest_is_an_error_of_the_registry(registry: TokenRegistry, body: bytes) -> None:
    registry.manifests["a1"] = body

    with pytest.raises(Unreachable) as caught:
        manifest_digest(f"{registry.address}/team/shop:a1", LOGIN)

    assert caught.value.code == "registry-unreachable"


def test_another_image_under_a_digest_is_refused(registry: TokenRegistry) -> None:
    registry.manifests[DIGEST] = MANIFEST + b" "

    with pytest.raises(Unreachable, match="a manifest that can't be read"):
        set_tag(f"{registry.address}/team/shop", DIGEST, "latest", LOGIN)

    assert "latest" not in registry.manifests


@pytest.mark.parametrize(
    ("realm", "told"),
    [
        ("http://tokens.example.com/token", "without https; it was not sent"),
        ("tokens", "without https; it was not sent"),
        ("https://tokens:port/", "can't be read"),
    ],
)
def test_the_login_goes_nowhere_in_the_clear(registry: TokenRegistry, realm: str, told: str) -> None:
    registry.realm = realm

    with pytest.raises((Refused, Unreachable), match=told):
        manifest_digest(f"{registry.address}/team/shop:a1", LOGIN)


NEXT = '</v2/team/shop/tags/list?n=1&last=a>; rel="next"'


@pytest.mark.parametrize(
    "pages",
    [
        [(200, b'{"tags": ["a"]}', NEXT), (404, b"{}", "")],
        [(200, b'{"tags": ["a"]}', NEXT)] * 3,
        [(200, b'{"tags": ["a"]}', '</v2/team/shop/tags/list/2>; rel="next"')],
        [(200, b'{"tags": {"a": 1}}', "")],
        [(200, b'{"tags": [1]}', "")],
        [(200, b"nothing", "")],
    ],
)
def test_a_list_of_tags_is_whole_or_an_error(registry: TokenRegistry, pages: list[tuple[int, bytes, str]]) -> None:
    registry.pages = list(pages)

    with Registry(split_reference(f"{registry.address}/team/shop"), LOGIN) as client, pytest.raises(Unreachable):
        client.tags()


def test_only_what_the_predecessor_lacks_counts_as_pushed() -> None:
    def image(layers: dict[str, int]) -> Manifest:
        content = {
            "config": {"digest": "c", "size": 5},
            "layers": [{"digest": d, "size": s} for d, s in layers.items()],
        }
        return Manifest("sha256:x", MEDIA_TYPE, b"", content)

    after = image({"base": 1000, "code": 30})

    assert pushed_bytes(None, after) == 1035
    assert pushed_bytes(image({"base": 1000}), after) == 30
