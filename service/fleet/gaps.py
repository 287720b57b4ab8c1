"""Arithmetic of what a server has never reported: ranges of sequence numbers, as few as fit into its row.

A range is [first, last], both within. Ranges are sorted, apart from each other, and all below the highest number that
was reported. At most MAX_RANGES are kept: beyond that, the two with the fewest reported numbers between them become
one. Gaps then show too much rather than too little, and no missing number is ever left out; a number that is reported
again is taken out of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise

MAX_RANGES = 100

Range = list[int]


def close(gaps: Sequence[Range], last: int, reported: Sequence[int]) -> tuple[list[Range], int]:
    """Return gaps and highest number after `reported` (ascending) came in; `last` is 0 before the first report."""
    if not reported:
        return list(gaps), last
    known = [*gaps]
    if reported[-1] > last:
        known.append([last + 1, reported[-1]])
    return _at_most(list(_without(known, list(_runs(reported))))), max(last, reported[-1])


def _runs(numbers: Iterable[int]) -> Iterator[Range]:
    """Put neighbours together: 1, 2, 3, 7 are [1, 3] and [7, 7]."""
    run: Range = []
    for number in numbers:
        if run and number == run[1] + 1:
            run[1] = number
            continue
        if run:
            yield run
        run = [number, number]
    if run:
        yield run


def _without(ranges: Iterable[Range], runs: Sequence[Range]) -> Iterator[Range]:
    """Cut the runs out of the ranges, both sorted."""
    position = 0
    for begin, last in ranges:
        first = begin
        while position < len(runs) and runs[position][1] < first:
            position += 1
        ahead = position
        while ahead < len(runs) and runs[ahead][0] <= last:
            if runs[ahead][0] > first:
                yield [first, runs[ahead][0] - 1]
            first = runs[ahead][1] + 1
            ahead += 1
        if first <= last:
            yield [first, last]


def _at_most(ranges: list[Range]) -> list[Range]:
    excess = len(ranges) - MAX_RANGES
    if excess <= 0:
        return ranges
    between = [later[0] - earlier[1] for earlier, later in pairwise(ranges)]
    joined = set(sorted(range(len(between)), key=between.__getitem__)[:excess])
    kept = [ranges[0]]
    for position, following in enumerate(ranges[1:]):
        if position in joined:
            kept[-1] = [kept[-1][0], following[1]]
        else:
            kept.append(following)
    return kept
