"""The edge's own files: each is whole or as it was, and nothing lies beside them."""

from __future__ import annotations

from pathlib import Path

import pytest

from ferryman_agent.edge import Edge
from ferryman_agent.testing import FakeMachine


@pytest.mark.parametrize("next_content", ["old", "new"])
def test_a_write_that_was_interrupted_leaves_no_file_behind(
    machine: FakeMachine, folder: Path, monkeypatch: pytest.MonkeyPatch, next_content: str
) -> None:
    edge = Edge(machine.docker, folder / "edge", lambda _: None)
    edge._write("haproxy.cfg", "old")

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", interrupted)
        with pytest.raises(KeyboardInterrupt):
            edge._write("haproxy.cfg", "new")
    assert (folder / "edge" / "haproxy.cfg").read_text() == "old"
    edge._write("haproxy.cfg", next_content)
    assert {path.name: path.read_text() for path in (folder / "edge").iterdir()} == {"haproxy.cfg": next_content}
