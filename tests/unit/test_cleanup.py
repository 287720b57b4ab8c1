"""The clean-up of registries and servers: who is asked, what goes, and what a failure leaves alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from place import NOW, Place, app, old_images, releases, revision
from registry_stand_in import RegistryStandIn

from ferryman.cleanup.cleanup import Order, Surroundings, clean_up
from ferryman.cleanup.report import Report
from ferryman.cleanup.summary import lines
from ferryman.destination import Destination
from ferryman.errors import ConfigurationError, DeployFailed, Refused, Unreachable, UsageError
from ferryman.testing import FakeLink

REMOVED = Refused("unknown-app", "this server has no shop.staging")
AWAY = Unreachable("server-unreachable", "staging.example.com does not answer", hint="check host")
STRAY = {"image": "shop@sha256:0123", "bytes": 12_000_000}


@pytest.fixture
def registry() -> Iterator[RegistryStandIn]:
    with RegistryStandIn().running() as made:
        yield made


@pytest.fixture
def place(tmp_path: Path, registry: RegistryStandIn) -> Place:
    return Place(tmp_path, registry)


def removed(report: Report) -> list[str]:
    return [image.digest for found in report.images for image in found.removed]


def test_what_no_environment_retains_goes_from_the_registry(place: Place, registry: RegistryStandIn) -> None:
    images = old_images(registry, 9)
    registry.tags["latest"] = images[3]
    place.answers("production", (images[0], "healthy"), (images[1], "pruned"), (images[5], "failed"))
    place.answers("staging", (images[2], "candidate"), running={"revision": revision(4), "kind": "deploy"})

    report = place.clean("images")

    report.check()
    assert removed(report) == [images[1], images[5], images[6]]
    assert registry.deleted == [images[1], images[5], images[6]]
    assert {image.digest: image.why for image in report.images[0].kept} == {
        images[0]: "retained by production",
        images[2]: "retained by staging",
        images[3]: "has the tag latest",
        images[4]: "about to be deployed to staging",
        images[7]: "one of the newest 2",
        images[8]: "one of the newest 2",
    }
    own = [
        len(registry.manifests[images[0]][1]) + 10,
        len(json.dumps({"created": "2026-01-01T00:00:00Z", "layers": ["base", "l1"]})),
    ]
    assert [image.bytes for image in report.images[0].removed] == [sum(own)] * 3
    assert report.bytes == 3 * sum(own)


def test_what_waits_for_its_turn_keeps_its_image(place: Place, registry: RegistryStandIn) -> None:
    images = old_images(registry, 4)
    place.answers("production", waiting=[{"revision": revision(0)}, {"revision": None}])
    place.answers("staging")

    assert removed(place.clean("images")) == [images[1]]


def test_a_dry_run_deletes_nothing(place: Place, registry: RegistryStandIn) -> None:
    images = old_images(registry, 4)
    for name in ("production", "staging"):
        place.answers(name)

    told = place.clean("images", is_dry=True)

    assert removed(told) == images[:2]
    assert (registry.deleted, set(registry.manifests)) == ([], set(images))
    assert told.bytes == place.clean("images").bytes


@pytest.mark.parametrize("to", [(), ("production",)])
def test_an_environment_that_can_not_be_asked_keeps_every_image(
    place: Place, registry: RegistryStandIn, to: tuple[str, ...]
) -> None:
    old_images(registry, 4)
    place.answers("production")
    place.links["staging"].answer("status", AWAY)

    report = place.clean("images", "server", to=to)

    assert registry.deleted == []
    assert [failure.code for failure in report.failures if failure.part == "images"] == ["server-unreachable"]
    assert "staging can't be asked which images it retains, so none was removed" in report.failures[-1].message
    assert [server.environment for server in report.servers] == list(to or ("production", "staging"))
    with pytest.raises(DeployFailed) as caught:
        report.check()
    assert (caught.value.code, caught.value.exit_status) == ("cleanup-incomplete", 1)


def test_an_environment_whose_variables_are_missing_keeps_every_image(place: Place, registry: RegistryStandIn) -> None:
    old_images(registry, 4)
    place.answers("production")

    def find(path: Path, name: str | None, variables: Mapping[str, str]) -> Destination:
        if name == "staging":
            raise ConfigurationError("variable-missing", "STAGING is not set")
        return place.find(path, name, variables)

    order = Order(place.config, (), frozenset({"images", "server"}))
    report = clean_up(order, Surroundings({}, NOW, place.told.append, find))

    assert registry.deleted == []
    assert [(failure.part, failure.code) for failure in report.failures] == [
        ("server of staging", "variable-missing"),
        ("images", "variable-missing"),
    ]
    assert [server.environment for server in report.servers] == ["production"]


def test_an_image_of_a_young_commit_is_young_however_old_its_layers_are(
    place: Place, registry: RegistryStandIn
) -> None:
    images = old_images(registry, 4)
    young = registry.push(revision(98), created="2025-01-01T00:00:00Z", committed="2026-11-23T23:00:00+01:00")
    old = registry.push(revision(99), created="2025-01-01T00:00:00Z", committed="2026-01-01T00:00:00Z")
    for name in ("production", "staging"):
        place.answers(name)

    report = place.clean("images")

    assert set(removed(report)) == {old, *images[:3]}
    assert (young, "younger than 7 days") in {(image.digest, image.why) for image in report.images[0].kept}


def test_an_environment_to_which_nothing_was_shipped_retains_nothing(place: Place, registry: RegistryStandIn) -> None:
    images = old_images(registry, 3)
    place.answers("production", (images[0], "healthy"))
    place.links["staging"].answer("status", {"apps": []})

    assert removed(place.clean("images")) == []
    assert place.clean("images").failures == []


def test_an_app_that_is_removed_while_it_is_asked_retains_nothing(place: Place, registry: RegistryStandIn) -> None:
    images = old_images(registry, 4)
    place.answers("production", (images[0], "healthy"))
    place.links["staging"].answer("status", {"apps": [app("shop", "staging")]})
    place.links["staging"].answer("releases", REMOVED)

    assert removed(place.clean("images")) == [images[1]]


def test_another_app_of_a_server_keeps_what_it_retains(place: Place, registry: RegistryStandIn) -> None:
    """The app had another name before, or an environment was taken out of ferryman.toml and serves on."""
    images = old_images(registry, 4)
    place.answers("production")
    place.links["staging"].answer("status", {"apps": [app("shop", "staging"), app("store", "staging")]})
    place.links["staging"].answer("releases", releases((images[1], "healthy")))
    place.links["staging"].answer("releases", releases((images[0], "healthy")))

    report = place.clean("images")

    assert removed(report) == []
    assert {image.digest: image.why for image in report.images[0].kept[:2]} == {
        images[0]: "retained by store.staging (staging)",
        images[1]: "retained by staging",
    }


def test_an_image_that_was_built_again_keeps_the_parts_of_what_is_retained(
    place: Place, registry: RegistryStandIn
) -> None:
    """The tag went on to the second list; the first has no tag any more, is retained, and shares its image."""
    old_images(registry, 3)
    part = registry.push(layers={"arch": 100})
    first = registry.push_list(of=[part, part])
    registry.push_list(revision(99), of=[part])
    place.answers("production")
    place.links["staging"].answer("status", {"apps": [app("shop", "staging")]})
    place.links["staging"].answer("releases", releases((first, "healthy"), of=revision(99)))

    place.clean("images")

    assert part in registry.manifests
    assert revision(99) in registry.tags


def test_without_an_environment_no_image_goes(place: Place, registry: RegistryStandIn) -> None:
    old_images(registry, 4)
    place.config.write_text(f'[app]\nname = "shop"\nimage = "{registry.image}"\n[app.roles.web]\n')

    report = place.clean("images")

    assert registry.deleted == []
    assert [failure.code for failure in report.failures] == ["environment-missing"]


def test_the_rehearsal_is_asked_alone_about_its_own_registry(place: Place, registry: RegistryStandIn) -> None:
    images = old_images(registry, 4)
    place.answers("rehearsal", (images[0], "healthy"))
    place.links["rehearsal"].answer("prune", {"images": [STRAY], "bytes": 12_000_000, "busy": False})

    report = place.clean("images", "server", to=("rehearsal",))

    assert removed(report) == [images[1]]
    assert [server.environment for server in report.servers] == ["rehearsal"]
    assert place.asked("production") == place.asked("staging") == []


def test_a_tag_that_comes_meanwhile_keeps_its_image(place: Place, registry: RegistryStandIn) -> None:
    images = old_images(registry, 5)
    for name in ("production", "staging"):
        place.answers(name)
    lists: list[str] = []

    def move(method: str, what: str) -> None:
        lists.append(what)
        if what == "tags/list" and lists.count("tags/list") == 2:
            registry.tags["latest"] = images[1]

    registry.before = move
    report = place.clean("images")

    assert removed(report) == [images[0], images[2]]
    assert (images[1], "got another tag meanwhile") in {(i.digest, i.why) for i in report.images[0].kept}
    assert registry.tags["latest"] == images[1]


def test_an_image_that_another_clean_up_took_meanwhile_is_not_counted(place: Place, registry: RegistryStandIn) -> None:
    images = old_images(registry, 4)
    for name in ("production", "staging"):
        place.answers(name)

    def take(method: str, what: str) -> None:
        if (method, what) == ("DELETE", images[0]):
            registry.delete(images[1])

    registry.before = take
    report = place.clean("images")

    assert removed(report) == [images[0]]
    assert (images[1], "gone already") in {(i.digest, i.why) for i in report.images[0].kept}


def test_lists_go_with_their_images_unless_another_kept_one_has_them(place: Place, registry: RegistryStandIn) -> None:
    parts = [registry.push(layers={f"arch{n}": 100}) for n in range(3)]
    going = registry.push_list(revision(99), of=parts[:2])
    registry.push_list("v1", of=parts[1:])
    newest = old_images(registry, 12)[-2:]
    for name in ("production", "staging"):
        place.answers(name, *((digest, "healthy") for digest in registry.tags.values() if digest != going))

    report = place.clean("images")

    assert removed(report) == [going]
    assert registry.deleted == [going, parts[0]]
    assert {*parts[1:], *newest} <= set(registry.manifests)


def test_an_image_that_goes_with_its_own_tag_is_not_taken_by_its_list(place: Place, registry: RegistryStandIn) -> None:
    old_images(registry, 4)
    part = registry.push(revision(99), created="2025-01-02T00:00:00Z", layers={"arch": 100})
    listed = registry.push_list(revision(98), of=[part])  # listed, and so deleted, before its part
    for name in ("production", "staging"):
        place.answers(name, *((registry.tags[revision(n)], "healthy") for n in range(4)))

    report = place.clean("images")

    assert removed(report) == registry.deleted == [listed, part]


def test_hundreds_of_tags_come_in_pages(place: Place, registry: RegistryStandIn) -> None:
    registry.page = 3
    images = old_images(registry, 10)
    for name in ("production", "staging"):
        place.answers(name)

    assert removed(place.clean("images")) == images[:8]


@pytest.mark.parametrize(
    ("status", "code"),
    [(405, "registry-deletes-nothing"), (403, "registry-login-refused"), (500, "registry-unreachable")],
)
def test_a_registry_that_does_not_delete_is_told_and_the_servers_are_pruned(
    place: Place, registry: RegistryStandIn, status: int, code: str
) -> None:
    images = old_images(registry, 4)
    for name in ("production", "staging"):
        place.answers(name)
    registry.deletes = status

    report = place.clean("images", "server")

    assert [failure.code for failure in report.failures] == [code]
    assert removed(report) == []
    assert len(report.servers) == 2
    assert set(registry.manifests) == set(images)


# -- the servers


def test_each_server_is_asked_to_prune(place: Place) -> None:
    place.links["production"] = FakeLink()
    place.links["production"].answer("prune", {"images": [STRAY], "bytes": 12_000_000, "busy": False})
    place.links["staging"] = FakeLink()
    place.links["staging"].answer("prune", {"images": [], "bytes": 0, "busy": True})

    report = place.clean("server", is_dry=True)

    assert place.links["production"].requests[0].params == {"app": "shop", "environment": "production", "dry_run": True}
    assert report.bytes == 12_000_000
    assert lines(report) == [
        "server  would go  shop@sha256:0123  12.0 MB",
        "the server of production: 1 unused images would go; 12.0 MB",
        "the server of staging: nothing removed, a transaction runs; a deploy prunes by itself",
        "12.0 MB would come back",
    ]
    report.check()


def test_a_server_that_can_not_be_reached_does_not_keep_the_next_from_being_pruned(place: Place) -> None:
    place.links["production"] = FakeLink()
    place.links["production"].answer("prune", AWAY)

    report = place.clean("server")

    assert [(failure.part, failure.code) for failure in report.failures] == [
        ("server of production", "server-unreachable")
    ]
    assert [server.environment for server in report.servers] == ["staging"]


def test_only_the_servers_that_are_named_are_pruned(place: Place) -> None:
    place.clean("server", to=("staging",))
    assert (place.asked("production"), place.asked("staging")) == ([], ["prune"])


def test_an_environment_that_is_not_there_is_refused_before_anything_is_done(place: Place) -> None:
    with pytest.raises(UsageError) as caught:
        place.clean("server", to=("staging", "stagign"))
    assert caught.value.code == "unknown-environment"
    assert place.asked("staging") == []
