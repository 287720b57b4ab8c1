"""Deploys and rollbacks under load: no request is lost, whatever its method and however long its body takes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from load import Load
from shop import Shop


@pytest.mark.parametrize("rounds", [1, pytest.param(5, marks=pytest.mark.slow)])
def test_deploys_and_rollbacks_lose_no_request(new_shop: Callable[..., Shop], rounds: int) -> None:
    shop = new_shop(f"busy{rounds}", f"busy{rounds}.test")
    commits = {word: shop.commit(word=word) for word in ("one", "two")}
    for revision in commits.values():
        shop.ferryman("deploy", "--revision", revision).succeeded()
    seconds = []
    with Load(shop.port, shop.domain, slow=True) as load:
        for _ in range(rounds):
            other = "one" if shop.word() == "two" else "two"
            deployed = shop.ferryman("deploy", "--revision", commits[other], "--json").json()
            assert shop.word() == other
            back = shop.ferryman("rollback", "--json").json()
            assert back["release"]["number"] == deployed["previous"]
            seconds += [deployed["seconds"], back["seconds"]]
    told = f"{load.total} requests {dict(load.counts)}, {len(load.failures)} lost; at most {max(seconds):.1f} s a call"
    print(told)
    assert load.failures == [], told
    assert load.counts["slow POST"] >= 2 * rounds
    assert load.counts["POST"] > load.counts["slow POST"]
