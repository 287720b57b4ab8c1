"""Docker Hub's own API, against a stand-in that holds each request against what Docker describes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from answering import Fault
from docker_hub_stand_in import PASSWORD, USERNAME, DockerHubStandIn, HubTag

from ferryman.cleanup.images import Retained, Rules, StoredImage, plan_images
from ferryman.cleanup.stores import HubStore
from ferryman.errors import FerrymanError, Refused, Unreachable
from ferryman.image.credentials import Credentials
from ferryman.image.docker_hub import DockerHub
from ferryman.image.reference import split_reference

LOGIN = Credentials(USERNAME, PASSWORD)
NOW = datetime(2026, 11, 24, tzinfo=UTC)
OLD, YOUNG = "2026-10-01T08:00:00.123456Z", "2026-11-23T08:00:00.123456Z"
REVISIONS = [f"{number:040x}" for number in range(300)]


def digest(word: str) -> str:
    return f"sha256:{word.encode().hex():0>64}"


@pytest.fixture
def hub() -> Iterator[DockerHubStandIn]:
    with DockerHubStandIn().running() as made:
        yield made
        assert made.violations == []


def client(hub: DockerHubStandIn, login: Credentials | None = LOGIN, paused: list[float] | None = None) -> DockerHub:
    pause = (paused if paused is not None else []).append
    return DockerHub(split_reference("acme/shop"), login, hub.url, pause=pause, now=lambda: 1_000_000.0)


def put(hub: DockerHubStandIn, *tags: HubTag) -> None:
    hub.tags |= {tag.name: tag for tag in tags}


def test_tags_are_listed_page_after_page_and_grouped_by_digest(hub: DockerHubStandIn) -> None:
    put(
        hub,
        *(HubTag(revision, digest(f"{n // 2}"), OLD, {digest(f"{n // 2}"): n}) for n, revision in enumerate(REVISIONS)),
    )

    with client(hub) as made:
        found = HubStore(made).look()

    assert len(found) == 150
    assert found[0] == StoredImage(
        digest("0"), (REVISIONS[0], REVISIONS[1]), datetime(2026, 10, 1, 8, 0, 0, 123456, UTC), {digest("0"): 1}
    )
    assert [path for method, path in hub.requests if method == "GET"] == [
        f"/v2/namespaces/acme/repositories/shop/tags?page={page}&page_size=100" for page in (1, 2, 3)
    ]


def test_old_images_go_tag_by_tag_and_the_age_is_that_of_the_push(hub: DockerHubStandIn) -> None:
    put(
        hub,
        HubTag(REVISIONS[0], digest("old"), OLD, {digest("old"): 70}),
        HubTag(REVISIONS[1], digest("old"), OLD, {digest("old"): 70}),
        HubTag(REVISIONS[2], digest("pushed again"), YOUNG, {digest("pushed again"): 70}),
        HubTag(REVISIONS[3], digest("list"), OLD, {digest("amd64"): 70, digest("arm64"): 70}),
        HubTag(REVISIONS[4], digest("served list"), OLD, {digest("served"): 70, digest("other"): 70}),
        HubTag(REVISIONS[5], None, OLD, {digest("only"): 70}),
        HubTag(REVISIONS[6], None, OLD, {digest("a"): 70, digest("b"): 70}),
        HubTag(REVISIONS[7], digest("never"), None, {digest("never"): 70}),
        HubTag(REVISIONS[8], digest("named"), OLD, {digest("named"): 70}),
        HubTag("latest", digest("named"), OLD, {digest("named"): 70}),
    )
    retained = Retained({digest("served"): "production"})

    with client(hub) as made:
        store = HubStore(made)
        plan = plan_images(store.look(), retained, Rules(1, 7), NOW)
        assert [store.remove(image, frozenset()) for image in plan.going] == [True, True, True]
        assert [store.remove(image, frozenset()) for image in plan.going] == [False, False, False]

    assert {image.digest for image in plan.going} == {digest("old"), digest("list"), digest("only")}
    assert {image.tags: why for image, why in plan.kept} == {
        (REVISIONS[2],): "younger than 7 days",
        (REVISIONS[4],): "retained by production",
        (REVISIONS[6],): "its age is not known",
        (REVISIONS[7],): "its age is not known",
        (REVISIONS[8], "latest"): "has the tag latest",
    }
    assert set(hub.tags) == {"latest", *(REVISIONS[n] for n in (2, 4, 6, 7, 8))}


def test_a_tag_that_came_since_is_found(hub: DockerHubStandIn) -> None:
    put(hub, HubTag(REVISIONS[0], digest("old"), OLD))
    with client(hub) as made:
        store = HubStore(made)
        looked = store.look()
        assert store.named_since(looked) == frozenset()
        put(hub, HubTag("latest", digest("old"), YOUNG))
        assert store.named_since(looked) == {digest("old")}


def test_a_repository_that_is_not_there_has_no_tags(hub: DockerHubStandIn) -> None:
    with DockerHub(split_reference("acme/other"), LOGIN, hub.url) as made:
        assert list(made.tags()) == []


def test_a_token_that_has_expired_is_made_anew(hub: DockerHubStandIn) -> None:
    put(hub, *(HubTag(revision, digest(revision), OLD) for revision in REVISIONS))
    with client(hub) as made:
        tags = made.tags()
        next(tags)
        hub.uses = 0
        assert len(list(tags)) == len(REVISIONS) - 1


@pytest.mark.parametrize("login", [None, Credentials(USERNAME, "hunter2")])
def test_a_wrong_login_is_refused_and_not_shown(hub: DockerHubStandIn, login: Credentials | None) -> None:
    with client(hub, login) as made, pytest.raises(Refused) as caught:
        list(made.tags())

    assert caught.value.code == "registry-login-refused"
    assert "hunter2" not in f"{caught.value.message}{caught.value.hint}"


def test_a_token_without_the_right_to_delete_is_told(hub: DockerHubStandIn) -> None:
    put(hub, HubTag(REVISIONS[0], digest("old"), OLD))
    hub.may_delete = False

    with client(hub) as made, pytest.raises(Refused) as caught:
        made.delete_tag(REVISIONS[0])

    assert caught.value.code == "registry-login-refused"
    assert "delete" in caught.value.hint


@pytest.mark.parametrize(
    ("fault", "pauses"),
    [
        (Fault("GET", "/tags$", 429, {"X-Retry-After": "1000007"}), [8.0]),
        (Fault("GET", "/tags$", 429, {"Retry-After": "3"}), [4.0]),
        (Fault("POST", "/token$", 429, {"X-Retry-After": "999"}), [1.0]),
    ],
)
def test_a_short_rate_limit_is_waited(hub: DockerHubStandIn, fault: Fault, pauses: list[float]) -> None:
    hub.faults, paused = [fault], list[float]()
    with client(hub, paused=paused) as made:
        assert list(made.tags()) == []
    assert paused == pauses


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", "/tags$", 500),
        Fault("POST", "/token$", 503),
        Fault("GET", "/tags$", 429, {"X-Retry-After": "1000100"}),
        Fault("GET", "/tags$", 429, times=3),
    ],
)
def test_a_failure_of_docker_hub_has_its_code(hub: DockerHubStandIn, fault: Fault) -> None:
    hub.faults = [fault]
    with client(hub) as made, pytest.raises(FerrymanError) as caught:
        list(made.tags())
    assert isinstance(caught.value, Unreachable)
    assert caught.value.code == "registry-unreachable"
