"""The names of images and the logins of their registries."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from ferryman.image.credentials import Credentials, find_credentials
from ferryman.image.dockerfile import without_pins
from ferryman.image.migrations import Migrations, parse_migrations
from ferryman.image.reference import Reference, rerouted, split_reference

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "reference", "api"),
    [
        ("postgres", Reference("docker.io", "library/postgres"), "https://registry-1.docker.io"),
        ("postgres:17", Reference("docker.io", "library/postgres", "17"), "https://registry-1.docker.io"),
        ("team/shop:a1", Reference("docker.io", "team/shop", "a1"), "https://registry-1.docker.io"),
        ("docker.io/team/shop", Reference("docker.io", "team/shop"), "https://registry-1.docker.io"),
        ("index.docker.io/postgres", Reference("docker.io", "library/postgres"), "https://registry-1.docker.io"),
        ("ghcr.io/team/shop", Reference("ghcr.io", "team/shop"), "https://ghcr.io"),
        (f"team/shop@{DIGEST}", Reference("docker.io", "team/shop", "", DIGEST), "https://registry-1.docker.io"),
        (f"ghcr.io/a/b/c:1@{DIGEST}", Reference("ghcr.io", "a/b/c", "1", DIGEST), "https://ghcr.io"),
        ("localhost:5000/shop", Reference("localhost:5000", "shop"), "http://localhost:5000"),
        ("localhost/shop:1", Reference("localhost", "shop", "1"), "http://localhost"),
        ("127.0.0.1:5001/team/shop:1", Reference("127.0.0.1:5001", "team/shop", "1"), "http://127.0.0.1:5001"),
        ("10.0.0.2:5000/shop", Reference("10.0.0.2:5000", "shop"), "https://10.0.0.2:5000"),
    ],
)
def test_a_name_is_taken_apart_by_dockers_rules(text: str, reference: Reference, api: str) -> None:
    assert split_reference(text) == reference
    assert split_reference(text).api == api


@pytest.mark.parametrize(
    ("reference", "override", "expected"),
    [
        ("ferryman/harbour:a1", "127.0.0.1:5001", "127.0.0.1:5001/ferryman/harbour:a1"),
        ("postgres:17", "127.0.0.1:5001", "127.0.0.1:5001/library/postgres:17"),
        ("ghcr.io/team/shop:a1", "127.0.0.1:5001", "127.0.0.1:5001/team/shop:a1"),
        ("team/shop:a1", None, "team/shop:a1"),
    ],
)
def test_a_name_can_be_rerouted(reference: str, override: str | None, expected: str) -> None:
    assert rerouted(reference, override) == expected


def docker_configuration(folder: Path, content: object) -> dict[str, str]:
    (folder / "config.json").write_text(json.dumps(content))
    return {"DOCKER_CONFIG": str(folder)}


def test_the_environments_login_wins_over_the_stored_one(tmp_path: Path) -> None:
    auth = base64.b64encode(b"stored:old").decode()
    variables = docker_configuration(tmp_path, {"auths": {"ghcr.io": {"auth": auth}}})
    reference = split_reference("ghcr.io/team/shop")

    assert find_credentials(reference, variables) == Credentials("stored", "old", is_stored=True)
    given = {**variables, "DOCKER_USERNAME": "shipper", "DOCKER_PASSWORD": "new"}
    assert find_credentials(reference, given) == Credentials("shipper", "new")


def test_docker_hubs_login_is_stored_under_its_old_address(tmp_path: Path) -> None:
    auth = base64.b64encode(b"shipper:with:colon").decode()
    variables = docker_configuration(tmp_path, {"auths": {"https://index.docker.io/v1/": {"auth": auth}}})

    assert find_credentials(split_reference("team/shop"), variables) == Credentials(
        "shipper", "with:colon", is_stored=True
    )
    assert find_credentials(split_reference("ghcr.io/team/shop"), variables) is None


def test_a_credential_helper_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    helper = tmp_path / "docker-credential-test"
    helper.write_text('#!/bin/sh\nread name\nprintf \'{"Username": "from %s", "Secret": "hidden"}\' "$name"\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    variables = docker_configuration(tmp_path, {"credsStore": "test"})

    found = find_credentials(split_reference("ghcr.io/team/shop"), variables)

    assert found == Credentials("from ghcr.io", "hidden", is_stored=True)


@pytest.mark.parametrize("text", ["not json", "[]", "{}", '{"auths": {"ghcr.io": {"auth": "%%%"}}}'])
def test_a_docker_configuration_without_a_login_means_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)

    assert find_credentials(split_reference("ghcr.io/team/shop"), {"DOCKER_CONFIG": str(tmp_path)}) is None


def test_the_environments_login_does_not_go_to_a_registry_on_loopback(tmp_path: Path) -> None:
    variables = {"DOCKER_USERNAME": "shipper", "DOCKER_PASSWORD": "new", "DOCKER_CONFIG": str(tmp_path)}

    assert find_credentials(split_reference("127.0.0.1:5001/team/shop"), variables) is None


def test_a_password_is_not_shown() -> None:
    assert "hidden" not in repr(Credentials("shipper", "hidden"))


def test_only_what_has_a_stand_in_loses_its_digest() -> None:
    text = (
        f"ARG BASE=python:3.13-slim@{DIGEST}\n"
        f"FROM --platform=linux/amd64 python:3.13-slim@{DIGEST} AS build\n"
        f"FROM node:22@{DIGEST}\n"
        f"COPY --from=python:3.13-slim@{DIGEST} /a /a\n"
        f"RUN echo python:3.13-slim@{DIGEST}\n"
    )

    changed, used = without_pins(text, {"python:3.13-slim"})

    assert used == ["python:3.13-slim"]
    assert changed == (
        "ARG BASE=python:3.13-slim\n"
        "FROM --platform=linux/amd64 python:3.13-slim AS build\n"
        f"FROM node:22@{DIGEST}\n"
        "COPY --from=python:3.13-slim /a /a\n"
        f"RUN echo python:3.13-slim@{DIGEST}\n"
    )
    assert without_pins(text, frozenset()) == (text, [])


def test_migrations_are_found_between_other_output() -> None:
    output = 'loading settings\n8 objects imported automatically\n\nferryman.migrations=["shop.0001_initial"]\nbye\n'

    assert parse_migrations(output) == Migrations(("shop.0001_initial",))
    assert parse_migrations("nothing\n").known is None
