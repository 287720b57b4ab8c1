"""The clean-up on a real server and with a real registry, by the pipeline's key; GitHub is a stand-in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from command import Call
from github_stand_in import GitHubStandIn, Pull, World, sha
from shop import Settings, Shop

from ferryman.errors import Refused
from ferryman.image.reference import split_reference
from ferryman.image.registry import Manifest, Registry, manifest_digest
from ferryman.rehearsal.docker import Docker
from ferryman.rehearsal.polling import wait_until
from ferryman.rehearsal.ports import LOOPBACK, free_port
from ferryman.rehearsal.stand_ins import REGISTRY

HOSTILE = "$(touch${IFS}pwned)"


@pytest.fixture(scope="module")
def shop(new_shop: Callable[..., Shop]) -> Shop:
    """Releases 2 and 3 are retained, 1 was pruned, 4 failed; images of all four are in the registry."""
    made = new_shop("tidy", "tidy.test")

    def keep_little(settings: Settings) -> None:
        settings["app"]["retain"] = 2
        settings["cleanup"] = {"keep_images": 1, "keep_days": 0}

    made.configure(keep_little)
    for word in ("first", "second", "third"):
        made.deploy(word=word)
    made.commit(exit=3)
    made.ferryman("deploy").ended_with(1)
    return made


@pytest.fixture(scope="module")
def clutter(shop: Shop) -> dict[str, str]:
    """Word → digest in the registry. The first image is also in a list of a revision, the second in one that was named.

    On the server somebody pulled the first image again, and tagged the second.
    """
    tags = shop.git("log", "--format=%H", "--reverse").split()
    found = {
        word: digest(shop, tag) for word, tag in zip(("first", "second", "third", "failed"), tags[-4:], strict=True)
    }
    run = shop.prepared.server.run
    run(["docker", "pull", "--quiet", f"{shop.image}@{found['first']}"])
    run(["docker", "tag", f"{shop.image}@{found['second']}", f"{shop.image}:debug"])
    lists = {"list": push_list(shop, "f" * 40, found["first"]), "kept list": push_list(shop, "v1", found["second"])}
    return {**found, **lists}


@pytest.fixture
def github() -> Iterator[GitHubStandIn]:
    world = World(protected={"main", "protected"})
    world.commit("root")
    world.commit("work", sha("root"))
    world.branches = {
        "main": world.commit("main", sha("work")),
        HOSTILE: sha("work"),
        "squashed": world.commit("squashed", sha("root")),
        "unmerged": world.commit("unmerged", sha("root")),
        "protected": sha("work"),
        "open": sha("work"),
    }
    world.pulls = [Pull(1, "squashed", sha("squashed"), is_open=False, is_merged=True), Pull(2, "open", sha("work"))]
    with GitHubStandIn(world).running() as made:
        yield made
        assert made.violations == []


def digest(shop: Shop, tag: str) -> str:
    found = manifest_digest(f"{shop.image}:{tag}")
    assert found
    return found


def push_list(shop: Shop, tag: str, digest: str) -> str:
    """A list of one image, as for several platforms; returns its digest."""
    with Registry(split_reference(shop.image), None) as registry:
        part = registry.manifest(digest)
        assert part
        oci = part.media_type.startswith("application/vnd.oci")
        media = f"application/vnd.{'oci.image.index.v1' if oci else 'docker.distribution.manifest.list.v2'}+json"
        platform = {"platform": {"architecture": "amd64", "os": "linux"}}
        entry = {"mediaType": part.media_type, "digest": part.digest, "size": len(part.body), **platform}
        body = json.dumps({"schemaVersion": 2, "mediaType": media, "manifests": [entry]}).encode()
        registry.put(tag, Manifest("", media, body, {}))
        found = registry.manifest(tag)
    assert found
    return found.digest


def in_registry(shop: Shop) -> set[str]:
    """The digests that a tag leads to."""
    with Registry(split_reference(shop.image), None) as registry:
        return {found.digest for tag in registry.tags() if (found := registry.manifest(tag))}


def on_server(shop: Shop) -> set[str]:
    """The images of the app's repository, by digest or tag."""
    listed = shop.prepared.server.run(["docker", "images", "--digests", "--format", "{{.Digest}} {{.Tag}}", shop.image])
    return {name for name in listed.split() if name != "<none>"}


def clean(shop: Shop, *options: str, variables: dict[str, str] | None = None, file: str = "ferryman.toml") -> Call:
    return shop.ferryman("cleanup", *options, variables=variables or {}, file=file)


def test_a_dry_run_tells_what_would_go_and_changes_nothing(shop: Shop, clutter: dict[str, str]) -> None:
    before = (in_registry(shop), on_server(shop))

    told = clean(shop, "--images", "--server", "--dry-run", "--json").json()

    assert (in_registry(shop), on_server(shop)) == before
    assert {image["digest"] for image in told["images"][0]["removed"]} == {clutter["first"], clutter["list"]}
    server = told["servers"][0]
    names = {image["image"] for image in server["images"]}
    assert names == {f"{shop.image}@{clutter['first']}", f"{shop.image}@{clutter['failed']}"}
    assert server["bytes"] is not None


def test_an_environment_that_can_not_be_asked_keeps_every_image(shop: Shop, clutter: dict[str, str]) -> None:
    def add_staging(settings: Settings) -> None:
        settings["environments"]["staging"] = {**settings["environments"]["production"], "port": free_port()}

    shop.configure(add_staging, "staging.toml")
    before = in_registry(shop)

    failed = clean(shop, "--images", "--to", "production", file="staging.toml")

    failed.ended_with(1, "staging can't be asked which images it retains, so none was removed", "cleanup-incomplete")
    assert in_registry(shop) == before


def test_the_pipelines_key_cleans_up_and_what_serves_and_can_be_rolled_back_to_stays(
    shop: Shop, clutter: dict[str, str], github: GitHubStandIn, tmp_path: Path
) -> None:
    def as_pipeline(settings: Settings) -> None:
        settings["environments"]["production"]["identity"] = str(shop.prepared.pipeline_key)

    shop.configure(as_pipeline, "pipeline.toml")
    summary = tmp_path / "summary.md"
    variables = {**github.variables, "GITHUB_STEP_SUMMARY": str(summary)}

    told = clean(shop, "--json", variables=variables, file="pipeline.toml").json()

    assert in_registry(shop) == {clutter[word] for word in ("second", "third", "failed", "kept list")}
    assert digest(shop, "latest") == clutter["third"]
    assert on_server(shop) == {clutter["second"], clutter["third"], "debug"}
    assert told["images"][0]["bytes"] > 0
    assert told["servers"][0]["bytes"] > 0
    assert len(told["servers"][0]["images"]) == 2
    assert {branch["name"] for branch in told["branches"]["removed"]} == {HOSTILE, "squashed"}
    assert set(github.world.branches) == {"main", "unmerged", "protected", "open"}
    assert "## Clean-up" in summary.read_text()
    assert not list(Path.cwd().glob("pwned"))
    assert shop.word() == "third"
    shop.ferryman("rollback").succeeded()
    assert shop.word() == "second"
    again = clean(shop, "--images", "--server", "--json").json()
    assert (again["images"][0]["removed"], again["servers"][0]["images"]) == ([], [])


def test_what_failed_goes_once_a_newer_image_is_there(shop: Shop, clutter: dict[str, str]) -> None:
    shop.deploy(word="fourth")

    found = clean(shop, "--images", "--json").json()["images"][0]

    assert [image["digest"] for image in found["removed"]] == [clutter["failed"]], found["kept"]


def test_a_registry_that_is_not_set_up_to_delete_says_so(shop: Shop, docker: Docker, clutter: dict[str, str]) -> None:
    name, port = f"ferryman-{shop.name}-keeps", free_port()
    docker.run(["run", "--detach", "--rm", "--name", name, "--publish", f"{LOOPBACK}:{port}:5000", REGISTRY])
    try:
        wait_until(lambda: _answers(port), "the registry answers", seconds=30)
        with Registry(split_reference(f"{LOOPBACK}:{port}/shop"), None) as registry:
            assert registry.tags() == []
            with pytest.raises(Refused, match="deletes no images") as caught:
                registry.delete(clutter["third"])
        assert caught.value.code == "registry-deletes-nothing"
    finally:
        docker.run(["rm", "--force", name])


def _answers(port: int) -> bool:
    try:
        return httpx.get(f"http://{LOOPBACK}:{port}/v2/", timeout=2).status_code == 200
    except httpx.TransportError:
        return False
