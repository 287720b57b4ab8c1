"""Gaps: against a plain set of what was reported, and what happens when there are too many."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet import gaps
from fleet.gaps import close

BATCHES = st.lists(st.sets(st.integers(1, 60), min_size=1).map(sorted), max_size=12)


def numbers(ranges: list[list[int]]) -> set[int]:
    return {number for first, last in ranges for number in range(first, last + 1)}


def is_well_formed(ranges: list[list[int]], last: int) -> bool:
    flat = [number for one in ranges for number in one]
    apart = all(later[0] > earlier[1] + 1 for earlier, later in pairwise(ranges))
    return flat == sorted(flat) and apart and all(number < last for number in flat)


@pytest.mark.parametrize(
    ("before", "last", "reported", "after"),
    [
        ([], 0, [1, 2, 3], []),
        ([], 0, [5], [[1, 4]]),
        ([], 3, [4, 5], []),
        ([], 3, [7, 8, 12], [[4, 6], [9, 11]]),
        ([[4, 6]], 8, [5], [[4, 4], [6, 6]]),
        ([[4, 6]], 8, [4, 5, 6], []),
        ([[4, 6], [9, 11]], 12, [6, 7, 8, 9], [[4, 5], [10, 11]]),
        ([[4, 6]], 8, [3, 10], [[4, 6], [9, 9]]),
        ([], 8, [1, 2], []),
        ([[4, 6]], 8, [], [[4, 6]]),
    ],
)
def test_what_is_missing_follows_from_what_came(
    before: list[list[int]], last: int, reported: list[int], after: list[list[int]]
) -> None:
    assert close(before, last, reported)[0] == after


@given(BATCHES)
def test_gaps_are_what_a_set_would_say(batches: list[list[int]]) -> None:
    ranges: list[list[int]] = []
    last, came = 0, set[int]()
    for batch in batches:
        came.update(batch)
        ranges, last = close(ranges, last, batch)
        assert last == max(came)
        assert numbers(ranges) == set(range(1, last)) - came
        assert is_well_formed(ranges, last)


@given(BATCHES, st.integers(1, 4))
def test_too_many_gaps_show_too_much_and_never_too_little(batches: list[list[int]], most: int) -> None:
    ranges: list[list[int]] = []
    last, came = 0, set[int]()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gaps, "MAX_RANGES", most)
        for batch in batches:
            came.update(batch)
            ranges, last = close(ranges, last, batch)
            assert len(ranges) <= most
            assert numbers(ranges) >= set(range(1, last)) - came
            assert is_well_formed(ranges, last)


def test_the_nearest_gaps_become_one() -> None:
    every_second = list(range(2, 2 * gaps.MAX_RANGES + 1, 2))
    ranges, last = close([], 0, every_second)
    assert len(ranges) == gaps.MAX_RANGES
    ranges, last = close(ranges, last, [last + 1000])
    assert len(ranges) == gaps.MAX_RANGES
    assert ranges[0] == [1, 3]
    assert ranges[-1] == [2 * gaps.MAX_RANGES + 1, last - 1]


def test_everything_reported_again_empties_even_joined_gaps() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gaps, "MAX_RANGES", 2)
        ranges, last = close([], 0, [2, 4, 6, 8, 10])
        assert len(ranges) == 2
        assert close(ranges, last, list(range(1, 11))) == ([], 10)
