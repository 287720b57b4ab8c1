"""Opens the rehearsed service as a browser would: its first page, the admin's, and the files that they name."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urljoin, urlsplit

import httpx

PAGES = ("/", "/admin/login/")
LARGEST_PAGE_BYTES = 2 << 20
MOST_FILES = 30
MOST_REDIRECTS = 5
TIMEOUT_SECONDS = 20
FIRST_ERROR = 400
NOT_FOUND = 404


class Named(HTMLParser):
    """Gathers the style sheets and scripts that a page names."""

    def __init__(self) -> None:
        super().__init__()
        self.paths: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """One element."""
        found = dict(attrs)
        is_sheet = tag == "link" and "stylesheet" in (found.get("rel") or "").lower().split()
        address = found.get("href") if is_sheet else found.get("src") if tag == "script" else None
        if address:
            self.paths.append(address)


def look(url: str, health: str) -> list[str]:
    """What is to be checked of the service at `url`, one line each; [] when all that was opened answers."""
    with httpx.Client(base_url=url, timeout=TIMEOUT_SECONDS) as client:
        try:
            return list(_look(client, url, health))
        except httpx.HTTPError as error:
            return [f"{url} could not be opened: {type(error).__name__}: {error}"]


def _look(client: httpx.Client, url: str, health: str) -> Iterator[str]:
    missing: dict[str, str] = {}
    for page in PAGES:
        place, status, text = _open(client, page)
        if page == "/" and not status:
            yield f"/ redirects more than {MOST_REDIRECTS} times, at last to {place}"
        elif page == "/" and status >= FIRST_ERROR:
            yield _about_the_first(place, status, url, health)
        if status < FIRST_ERROR:
            missing |= dict.fromkeys(_missing(client, url, place, text), place)
    if missing:
        shown = ", ".join(list(missing)[:3]) + (f" and {len(missing) - 3} more" if len(missing) > 3 else "")
        yield f"{next(iter(missing.values()))} names files that are not served: {shown}"


def _about_the_first(place: str, status: int, url: str, health: str) -> str:
    if status == NOT_FOUND:
        return f"{place} answers 404: the project has no page there; {url}{health} answers"
    return f"{place} answers {status}; `ferryman logs --to rehearsal` may say why"


def _open(client: httpx.Client, path: str) -> tuple[str, int, str]:
    """The place that redirects end at, the status there, and the text if it is a page."""
    for _ in range(MOST_REDIRECTS):
        with client.stream("GET", path, headers={"Accept": "text/html"}) as answer:
            target = urljoin(str(answer.url), answer.headers.get("Location", ""))
            leads_on = answer.is_redirect and urlsplit(target).netloc == urlsplit(str(client.base_url)).netloc
            if not leads_on or urlsplit(target).scheme == "https":
                is_page = "html" in answer.headers.get("Content-Type", "")
                return urlsplit(str(answer.url)).path, answer.status_code, _text(answer) if is_page else ""
            path = target
    return urlsplit(path).path, 0, ""


def _text(answer: httpx.Response) -> str:
    read = bytearray()
    for part in answer.iter_bytes():
        read += part
        if len(read) > LARGEST_PAGE_BYTES:
            break
    return bytes(read[:LARGEST_PAGE_BYTES]).decode(errors="replace")


def _missing(client: httpx.Client, url: str, place: str, text: str) -> Iterator[str]:
    """The files of this service that a page names and that do not answer 200."""
    named = Named()
    named.feed(text)
    for address in list(dict.fromkeys(named.paths))[:MOST_FILES]:
        target = urlsplit(urljoin(urljoin(url, place), address))
        if target.netloc != urlsplit(url).netloc:
            continue
        with client.stream("GET", target.geturl()) as answer:
            if answer.status_code != httpx.codes.OK:
                yield f"{target.path} ({answer.status_code})"
