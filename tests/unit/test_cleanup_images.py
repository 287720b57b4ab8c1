"""Which images of a registry are old: a table of reasons, and what comes back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from ferryman.cleanup.images import Retained, Rules, Shares, StoredImage, plan_images
from ferryman.cleanup.stores import read_time

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
RULES = Rules(keep_images=1, keep_days=7)


def revision(word: str) -> str:
    return f"{word.encode().hex():0>40}"


def digest(word: str) -> str:
    return f"sha256:{word.encode().hex():0>64}"


def image(word: str, *tags: str, days: float | None = 30, children: tuple[str, ...] = ()) -> StoredImage:
    created = None if days is None else NOW - timedelta(days=days)
    blobs = {digest(word): 100, "base": 1000}
    return StoredImage(digest(word), tags or (revision(word),), created, blobs, frozenset(map(digest, children)))


NEWEST = image("newest", days=8)


def why(images: list[StoredImage], retained: Retained | None = None, rules: Rules = RULES) -> dict[str, str]:
    """Digest's word → why it stays; those that go have ''."""
    plan = plan_images(images, retained or Retained(), rules, NOW)
    words = {image.digest: bytes.fromhex(image.digest[7:].lstrip("0")).decode() for image in images}
    return {words[i.digest]: "" for i in plan.going} | {words[i.digest]: reason for i, reason in plan.kept}


@pytest.mark.parametrize(
    ("candidate", "reason"),
    [
        (image("old"), ""),
        (image("old", f"{revision('old')}-dirty-0a1b2c3d"), ""),
        (image("old", revision("old"), "latest"), "has the tag latest"),
        (image("old", "v1.2", revision("old")), "has the tag v1.2"),
        (image("old", "c0ffee"), "has the tag c0ffee"),
        (image("old", "A" * 40), f"has the tag {'A' * 40}"),
        (image("old", days=6.99), "younger than 7 days"),
        (image("old", days=-3), "younger than 7 days"),
        (image("old", days=None), "its age is not known"),
        (image("old", days=365 * 56), "its age is not known"),
    ],
)
def test_an_image_goes_only_when_nothing_speaks_for_it(candidate: StoredImage, reason: str) -> None:
    assert why([candidate, NEWEST])["old"] == reason


def test_what_an_environment_retains_or_is_about_to_deploy_stays() -> None:
    retained = Retained({digest("one"): "production", digest("part"): "staging"}, {revision("two"): "production"})
    images = [image("one"), image("two"), image("list", children=("part", "other")), image("three"), NEWEST]

    assert why(images, retained) == {
        "one": "retained by production",
        "two": "about to be deployed to production",
        "list": "retained by staging",
        "three": "",
        "newest": "one of the newest 1",
    }


def test_the_newest_are_those_built_last_whatever_order_they_come_in() -> None:
    images = [image(str(days), days=days) for days in (40, 10, 30, 20)]

    assert why(images, rules=Rules(2, 7)) == {
        "40": "",
        "30": "",
        "20": "one of the newest 2",
        "10": "one of the newest 2",
    }


def test_an_image_that_somebody_named_does_not_count_among_the_newest() -> None:
    assert why([image("cache", "buildcache", days=1), image("old"), NEWEST])["old"] == ""


def test_the_oldest_goes_first() -> None:
    plan = plan_images([image("b", days=20), image("c", days=10), image("a", days=30)], Retained(), Rules(1, 7), NOW)
    assert [found.digest for found in plan.going] == [digest("a"), digest("b")]


def test_the_images_of_a_kept_list_stay_with_it_however_deep() -> None:
    images = [
        image("list", "v1", children=("inner",)),
        image("inner", children=("leaf",)),
        image("leaf"),
        image("old", children=("alone",)),
        image("alone"),
        NEWEST,
    ]

    assert why(images) == {
        "list": "has the tag v1",
        "inner": "part of an image that stays",
        "leaf": "part of an image that stays",
        "old": "",
        "alone": "",
        "newest": "one of the newest 1",
    }


def test_a_signature_goes_and_stays_with_its_image() -> None:
    def signature(word: str, of: str) -> StoredImage:
        return image(word, f"sha256-{digest(of)[7:]}.sig")

    images = [image("old"), signature("s1", "old"), signature("s2", "newest"), signature("s3", "gone"), NEWEST]

    assert why(images) == {
        "old": "",
        "s1": "",
        "s2": "belongs to an image that stays",
        "s3": "belongs to an image that stays",
        "newest": "one of the newest 1",
    }


def test_a_layer_comes_back_with_the_last_image_that_has_it() -> None:
    old, older = image("old"), image("older")
    alone, shared = Shares([old, older]), Shares([old, older, NEWEST])

    assert (alone.without(older), alone.without(old)) == (100, 1100)
    assert (shared.without(older), shared.without(old)) == (100, 100)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-23T08:00:00Z", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("2026-11-23T08:00:00.123456789Z", datetime(2026, 11, 23, 8, 0, 0, 123456, tzinfo=UTC)),
        ("2026-11-23T10:00:00+02:00", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("2026-11-23T08:00:00", datetime(2026, 11, 23, 8, tzinfo=UTC)),
        ("yesterday", None),
        ("", None),
        (None, None),
        (5, None),
    ],
)
def test_times_are_read_as_engines_and_hub_write_them(text: object, time: datetime | None) -> None:
    assert read_time(text) == time
