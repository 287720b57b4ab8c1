"""The most telling cells of the matrix that `make faults` makes: nothing is lost, left over, stuck or told wrongly."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from cut import Proxy
from faults.cell import run_cell
from faults.cells import SUBSET, Cell
from faults.stage import DOMAIN, Stage
from shop import Shop


@pytest.fixture(scope="module")
def stage(new_shop: Callable[..., Shop]) -> Iterator[Stage]:
    """An app with a database and a worker, and the images to deploy."""
    shop = new_shop("faults", DOMAIN)
    with Proxy(shop.prepared.server.state.ssh_port) as proxy:
        made = Stage(shop, proxy)
        made.set_up()
        yield made


@pytest.mark.parametrize("cell", SUBSET, ids=lambda cell: cell.key)
def test_fault_leaves_one_release_that_serves_and_nothing_else(stage: Stage, cell: Cell) -> None:
    result = run_cell(stage, cell)
    print(result)
    assert result.problems == [], result.failures
