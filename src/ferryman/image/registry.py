"""Speaks the registry API (OCI distribution) for what the docker command can't do: ask for a digest, move a tag."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx

from ferryman.errors import FerrymanError, Refused, Unreachable
from ferryman.image.credentials import Credentials
from ferryman.image.reference import Reference, split_reference

TIMEOUT_SECONDS = 20.0
TAGS_PER_PAGE = 100
DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]{32,}")
MANIFEST_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)


@dataclass(frozen=True)
class Manifest:
    """An image as the registry holds it."""

    digest: str
    media_type: str
    body: bytes
    content: dict[str, Any]

    @property
    def configuration(self) -> str:
        """Return the digest of the image's configuration, which is the image's id in a Docker Engine; "" for a list."""
        return str((self.content.get("config") or {}).get("digest", ""))

    @property
    def children(self) -> frozenset[str]:
        """The digests of the images that a list (an index) holds; none for an image."""
        return frozenset(str(child["digest"]) for child in self.content.get("manifests") or [])

    @property
    def blobs(self) -> dict[str, int]:
        """Map the digest of each layer, and of the image's configuration, to its bytes in the registry."""
        parts = [*(self.content.get("layers") or []), self.content.get("config")]
        return {part["digest"]: part["size"] for part in parts if part}

    @property
    def is_sound(self) -> bool:
        """Tell whether it has what is read of it; a list's images are named by digest, never by tag."""
        try:
            are_sizes = all(isinstance(size, int) for size in self.blobs.values())
            return are_sizes and all(DIGEST.fullmatch(digest) for digest in self.children)
        except (AttributeError, KeyError, TypeError):
            return False


def manifest_digest(reference: str, credentials: Credentials | None = None) -> str | None:
    """Return the digest of an image in its registry; None when there is no such image.

    Raises Unreachable `registry-unreachable`, Refused `registry-login-refused`.
    """
    found = find_manifest(reference, credentials)
    return found.digest if found else None


def find_manifest(reference: str, credentials: Credentials | None = None) -> Manifest | None:
    """Return an image as its registry holds it, or None."""
    with Registry(split_reference(reference), credentials) as registry:
        return registry.manifest(split_reference(reference).version)


def require_manifest(reference: str, credentials: Credentials | None = None) -> Manifest:
    """Return an image that must be in its registry; Refused `image-not-in-registry`."""
    found = find_manifest(reference, credentials)
    if found is None:
        raise Refused(
            "image-not-in-registry",
            f"the registry has no image {reference}",
            state="no server was touched",
            hint="`ferryman build` builds and pushes it",
        )
    return found


def set_tag(repository: str, digest: str, tag: str, credentials: Credentials | None = None) -> bool:
    """Make a tag, such as latest, name the image with this digest; return whether it changed."""
    with Registry(split_reference(repository), credentials) as registry:
        current = registry.manifest(tag)
        if current and current.digest == digest:
            return False
        wanted = registry.manifest(digest)
        if wanted is None:
            raise Refused("image-not-in-registry", f"the registry has no image {repository}@{digest}")
        registry.put(tag, wanted)
    return True


def pushed_bytes(before: Manifest | None, after: Manifest) -> int:
    """Return how many bytes of an image its predecessor in the registry did not have."""
    known = before.blobs if before else {}
    return sum(size for digest, size in after.blobs.items() if digest not in known)


class Registry:
    """One repository of a registry, over one connection. Each error of the network becomes one of Ferryman's.

    `actions` is what a token is asked for, where the registry wants tokens.
    """

    def __init__(self, reference: Reference, credentials: Credentials | None, actions: str = "pull,push") -> None:
        self.reference = reference
        self.credentials = credentials
        self.actions = actions if credentials else "pull"
        self.authorization = ""
        self.client = httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=not reference.is_loopback)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.client.close()

    def manifest(self, version: str) -> Manifest | None:
        """Return the manifest of a tag or digest, or None."""
        response = self._call("GET", f"manifests/{version}", headers={"Accept": ", ".join(MANIFEST_TYPES)})
        if response.status_code == 404:
            return None
        if response.status_code != 200:
            raise self._unexpected(response)
        digest = f"sha256:{hashlib.sha256(response.content).hexdigest()}"
        media_type, content = response.headers.get("Content-Type", ""), self._content(response)
        found = Manifest(digest, media_type, response.content, content)
        is_another = version.startswith("sha256:") and version != digest
        if is_another or not found.is_sound:
            raise self._malformed("a manifest")
        return found

    def put(self, tag: str, manifest: Manifest) -> None:
        """Make the tag name the manifest."""
        headers = {"Content-Type": manifest.media_type}
        response = self._call("PUT", f"manifests/{tag}", headers=headers, content=manifest.body)
        if response.status_code not in (200, 201):
            raise self._unexpected(response)

    def tags(self) -> list[str]:
        """Return all tags, page after page; none when the registry does not know the repository."""
        found: dict[str, None] = {}
        path = f"tags/list?n={TAGS_PER_PAGE}"
        while path:
            response = self._call("GET", path)
            if response.status_code == 404 and not found:
                return []
            if response.status_code != 200:
                raise self._unexpected(response)
            known = len(found)
            found |= dict.fromkeys(self._tags_of(response))
            path = self._next_page(response)
            if path and len(found) == known:
                raise self._malformed("its list of tags, which has no end")
        return list(found)

    def _tags_of(self, response: httpx.Response) -> list[str]:
        tags = self._content(response).get("tags") or []
        if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
            raise self._malformed("its list of tags")
        return tags

    def _next_page(self, response: httpx.Response) -> str:
        """Only the query of the next page's address is taken: the login goes nowhere else."""
        following = str(response.links.get("next", {}).get("url", ""))
        query = following.partition("?")[2]
        if following and not query:
            raise self._malformed("its list of tags")
        return f"tags/list?{query}" if query else ""

    def image_configuration(self, digest: str) -> dict[str, Any]:
        """Return the configuration of an image, which stands in a blob; {} where there is none."""
        response = self._call("GET", f"blobs/{digest}", follow=True)
        if response.status_code != 200:
            return {}
        try:
            found = response.json()
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}

    def delete(self, digest: str) -> bool:
        """Delete an image with every tag that names it; False when it is gone already.

        Refused `registry-deletes-nothing` where the registry is not set up to delete.
        """
        response = self._call("DELETE", f"manifests/{digest}")
        if response.status_code == 404:
            return False
        if response.status_code in (405, 501):
            raise Refused(
                "registry-deletes-nothing",
                f"the registry {self.reference.registry} deletes no images (status {response.status_code})",
                hint="registry:2 needs REGISTRY_STORAGE_DELETE_ENABLED=true; a hosted one has settings of its own",
            )
        if response.status_code not in (200, 202, 204):
            raise self._unexpected(response)
        return True

    def _call(
        self,
        method: str,
        path: str,
        *,
        headers: dict[str, str] | None = None,
        content: bytes | None = None,
        follow: bool = False,
    ) -> httpx.Response:
        address = f"{self.reference.api}/v2/{self.reference.repository}/{path}"
        request: dict[str, Any] = {"headers": headers or {}, "content": content, "follow_redirects": follow}
        response = self._send(method, address, **request)
        if response.status_code == 401:
            self._log_in(response.headers.get("WWW-Authenticate", ""))
            response = self._send(method, address, **request)
        if response.status_code in (401, 403):
            raise self._refused()
        return response

    def _send(self, method: str, address: str, *, headers: dict[str, str], **request: Any) -> httpx.Response:
        if self.authorization:
            headers = {**headers, "Authorization": self.authorization}
        try:
            return self.client.request(method, address, headers=headers, **request)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Unreachable(
                "registry-unreachable",
                f"the registry {self.reference.registry} does not answer: {error or type(error).__name__}",
                state="no server was touched",
                hint="check the network and [app] image in ferryman.toml",
            ) from None

    def _log_in(self, challenge: str) -> None:
        scheme, _, rest = challenge.partition(" ")
        fields = dict(re.findall(r'([a-z_]+)="([^"]*)"', rest))
        if scheme.lower() == "basic" and self.credentials:
            self.authorization = _basic(self.credentials)
        elif scheme.lower() == "bearer" and "realm" in fields:
            self.authorization = f"Bearer {self._token(fields)}"
        else:
            raise self._refused()

    def _token(self, fields: dict[str, str]) -> str:
        query = {"scope": f"repository:{self.reference.repository}:{self.actions}"}
        if "service" in fields:
            query["service"] = fields["service"]
        headers = {"Authorization": _basic(self.credentials)} if self.credentials else {}
        response = self._send("GET", str(self._realm(fields["realm"]).copy_merge_params(query)), headers=headers)
        if response.status_code in (400, 401, 403):
            raise self._refused()
        if response.status_code != 200:
            raise self._unexpected(response)
        answered = self._content(response)
        return str(answered.get("token") or answered.get("access_token") or "")

    def _realm(self, text: str) -> httpx.URL:
        """Where tokens are given: over https, or on this machine, for the login goes there."""
        try:
            found = httpx.URL(text)
        except httpx.InvalidURL:
            raise self._malformed("the address of its tokens") from None
        host = f"[{found.host}]" if ":" in found.host else found.host
        if found.scheme != "https" and not Reference(host, "").is_loopback:
            raise Refused(
                "registry-login-refused",
                f"the registry {self.reference.registry} wants the login at {text!r}, without https; it was not sent",
                state="no server was touched",
                hint="is [app] image in ferryman.toml the right registry?",
            )
        return found

    def _content(self, response: httpx.Response) -> dict[str, Any]:
        try:
            found = response.json()
        except ValueError:
            raise self._malformed("something else than JSON") from None
        if not isinstance(found, dict):
            raise self._malformed("something else than an object")
        return found

    def _malformed(self, what: str) -> Unreachable:
        return Unreachable(
            "registry-unreachable",
            f"the registry {self.reference.registry} answered with {what} that can't be read",
            state="no server was touched",
            hint="is [app] image in ferryman.toml the right registry, and no proxy in between?",
        )

    def _refused(self) -> Refused:
        who = f'the login "{self.credentials.username}"' if self.credentials else "a call without a login"
        return Refused(
            "registry-login-refused",
            f"the registry {self.reference.registry} refused {who} for {self.reference.repository}",
            state="no server was touched",
            hint="set DOCKER_USERNAME and DOCKER_PASSWORD (an access token will do), or run `docker login`",
        )

    def _unexpected(self, response: httpx.Response) -> FerrymanError:
        return Unreachable(
            "registry-unreachable",
            f"the registry {self.reference.registry} answered with status {response.status_code}",
            state="no server was touched",
            hint="try again later",
        )


def _basic(credentials: Credentials) -> str:
    encoded = base64.b64encode(f"{credentials.username}:{credentials.password}".encode())
    return f"Basic {encoded.decode()}"


def created_at(reference: str, credentials: Credentials | None = None) -> datetime | None:
    """Return when an image was made, of a list its first image; None when there is no such image, or no time in it."""
    parts = split_reference(reference)
    with Registry(parts, credentials) as registry:
        found = registry.manifest(parts.digest or parts.tag or "latest")
        listed = found.content.get("manifests", []) if found else []
        if listed:
            found = registry.manifest(str(listed[0]["digest"]))
        configuration = registry.image_configuration(found.configuration) if found and found.configuration else {}
    try:
        return datetime.fromisoformat(str(configuration.get("created", "")))
    except ValueError:
        return None
