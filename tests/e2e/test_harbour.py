"""Harbour as it is shipped: its worker, and pages whose release is not the one that serves any more."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
from shipped import Shipped, commit

STYLE = Path("service/pages/static/fleet/page.css")


def style_of(page: str) -> str:
    """The address of the page's style, with the hash of its content."""
    found = re.search(r'href="(/static/fleet/page\.[0-9a-f]+\.css)"', page)
    assert found, page
    return found[1]


def test_the_worker_is_up_and_the_release_is_not_degraded(shipped: Shipped) -> None:
    status = shipped.status()
    assert (status["state"], status["roles"]["worker"]["state"]) == ("serving", "running")
    assert status["roles"]["worker"]["restarts"] == 0
    assert "manage.py" not in shipped.ferryman("logs", "--to", "rehearsal", "--role", "worker")


def test_metrics_are_not_public(shipped: Shipped) -> None:
    assert httpx.get(f"{shipped.url}/metrics").status_code == 401


def test_a_page_finds_its_style_after_a_switch_and_after_a_rollback(shipped: Shipped) -> None:
    earlier = style_of(shipped.page())
    style = shipped.clone / STYLE
    style.write_text(style.read_text() + "\n/* another release */\n")
    commit(shipped.clone, "Change the style", "--all")
    shipped.ferryman("deploy", "--to", "rehearsal")
    later = style_of(shipped.page())
    assert later != earlier
    assert httpx.get(shipped.url + earlier).raise_for_status().headers["Content-Type"].startswith("text/css")
    shipped.ferryman("rollback", "--to", "rehearsal")
    assert style_of(shipped.page()) == earlier
    assert "another release" in httpx.get(shipped.url + later).raise_for_status().text
