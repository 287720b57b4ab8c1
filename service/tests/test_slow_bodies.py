"""Which bodies are cut when, and that a body that ends early is an error and never a short text."""

import io
import socket
import time

import pytest

from ground.web.slow_bodies import BODY_SECONDS, FAIR_SECONDS, Body, CutOff, SlowBodies, overdue

NOW = 1000.0


def waiting(*ages: float) -> list[Body]:
    bodies = []
    for age in ages:
        body = Body(io.BytesIO(), 1, print)
        body.began = NOW - age
        bodies.append(body)
    return bodies


@pytest.mark.parametrize(
    ("ages", "threads", "cut"),
    [
        ([], 4, []),
        ([1, FAIR_SECONDS + 1, BODY_SECONDS - 1], 4, []),
        ([1, BODY_SECONDS + 1], 4, [BODY_SECONDS + 1]),
        ([5, 6, 7, 8], 4, [8]),
        ([1, 1, 1, 1], 4, []),
        ([1, 1, 1, 8], 4, [8]),
        ([BODY_SECONDS + 1, 5, 6, 7], 4, [BODY_SECONDS + 1]),
        ([1], 1, []),
        ([5], 1, [5]),
    ],
)
def test_old_bodies_are_cut_and_younger_ones_when_they_hold_every_thread(
    ages: list[float], threads: int, cut: list[float]
) -> None:
    assert [NOW - body.began for body in overdue(waiting(*ages), threads, NOW)] == cut


def test_a_body_that_was_read_is_never_cut() -> None:
    (body,) = waiting(BODY_SECONDS + 1)
    body.left = 0
    assert overdue([body], 1, NOW) == []


@pytest.mark.parametrize("size", [-1, 5, 9])
def test_a_short_body_is_an_error(size: int) -> None:
    with pytest.raises(CutOff):
        Body(io.BytesIO(b"abc"), 5, print).read(size)
    body = Body(io.BytesIO(b"abc"), 5, print)
    with pytest.raises(CutOff):
        _ = body.readline(), body.readline()


def test_a_whole_body_is_read_as_it_came() -> None:
    body = Body(io.BytesIO(b"ab\ncd, and the next request"), 5, print)
    assert [body.readline(), body.read(1), body.read(), body.read(), body.readline()] == [b"ab\n", b"c", b"d", b"", b""]


def test_the_watcher_cuts_what_is_overdue(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ground.web.slow_bodies.BODY_SECONDS", 0.1)
    client, server = socket.socketpair()

    def application(environ: dict[str, object], _: object) -> list[bytes]:
        with pytest.raises(CutOff):
            environ["wsgi.input"].read()  # type: ignore[attr-defined]
        return [b"cut"]

    with client, server, server.makefile("rb") as stream:
        environ = {"gunicorn.socket": server, "CONTENT_LENGTH": "9", "wsgi.input": stream}
        began = time.monotonic()
        assert SlowBodies(application, 4)(environ, lambda *_: None) == [b"cut"]
        assert time.monotonic() - began < 5
