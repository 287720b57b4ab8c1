"""What the rehearsal sees when it opens the service: pages that do not answer, files that are not served."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from ferryman.rehearsal.looking import look

PAGE = '<html><link rel="stylesheet" href="/static/a.css"><script src="https://other.example/x.js"></script></html>'


@contextmanager
def serving(pages: Mapping[str, tuple[int, str]]) -> Iterator[str]:
    """A server with these pages: a status, and a text or the place that it leads to."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, text = pages.get(self.path, (404, ""))
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", text)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def test_pages_with_their_files_leave_nothing_to_check() -> None:
    with serving({"/": (302, "/home/"), "/home/": (200, PAGE), "/static/a.css": (200, "a {}")}) as url:
        assert look(url, "/health/") == []


def test_a_style_sheet_that_is_not_served_is_said() -> None:
    with serving({"/": (200, PAGE)}) as url:
        assert look(url, "/health/") == ["/ names files that are not served: /static/a.css (404)"]


def test_a_service_without_a_first_page_says_what_answers() -> None:
    with serving({"/health/": (200, "ok")}) as url:
        assert look(url, "/health/") == [f"/ answers 404: the project has no page there; {url}/health/ answers"]


def test_a_first_page_that_fails_is_said() -> None:
    with serving({"/": (500, "")}) as url:
        (line,) = look(url, "/health/")
    assert line.startswith("/ answers 500")


def test_a_loop_of_redirects_ends() -> None:
    with serving({"/": (302, "/")}) as url:
        (line,) = look(url, "/health/")
    assert "redirects" in line


def test_nobody_there_is_said() -> None:
    (line,) = look("http://127.0.0.1:9", "/")
    assert "could not be opened" in line
