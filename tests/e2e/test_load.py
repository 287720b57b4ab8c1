"""Deploys and rollbacks under load: no request is lost, whatever its method and however long its body takes."""

from __future__ import annotations

from collections.abc import Callable

from load import Load
from shop import Shop

ROUNDS = 5


def test_ten_deploys_and_rollbacks_lose_no_request(new_shop: Callable[..., Shop]) -> None:
    shop = new_shop("busy", "busy.test")
    commits = {word: shop.commit(word=word) for word in ("one", "two")}
    for revision in commits.values():
        shop.ferryman("deploy", "--revision", revision).succeeded()
    seconds = []
    with Load(shop.port, shop.domain, slow=True) as load:
        for _ in range(ROUNDS):
            other = "one" if shop.word() == "two" else "two"
            deployed = shop.ferryman("deploy", "--revision", commits[other], "--json").json()
            assert shop.word() == other
            back = shop.ferryman("rollback", "--json").json()
            assert back["release"]["number"] == deployed["previous"]
            seconds += [deployed["seconds"], back["seconds"]]
    told = f"{load.total} requests {dict(load.counts)}, {len(load.failures)} lost; at most {max(seconds):.1f} s a call"
    print(told)
    assert load.failures == [], told
    assert load.counts["slow POST"] >= 2 * ROUNDS
    assert load.counts["POST"] > load.counts["slow POST"]
