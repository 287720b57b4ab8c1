"""Which keys are taken, and what becomes of authorized_keys."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ferryman_agent.errors import BadRequest
from ferryman_agent.install.authorized_keys import HEADING, Key, merged, parse_key, role_line
from ferryman_agent.install.request import parse_request

ONE = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
TWO = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDAUTPdguz2TiWr6R2taIAIHdIDqBoXlTL4JpHkfo2/e"
PIPELINE = f'restrict,command="/usr/local/bin/ferryman-agent relay --role pipeline" {ONE} ci'
OPERATOR = f'restrict,command="/usr/local/bin/ferryman-agent relay --role operator" {TWO} ada'


def key(text: str) -> Key:
    return parse_key(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        None,
        7,
        "ssh-ed25519",
        f'command="/bin/sh" {ONE}',
        f"restrict {ONE}",
        f"{ONE}\n{TWO}",
        f"{ONE} ci\n{TWO}",
        f"{ONE} ci\x1b[31m",
        f"{ONE} {'c' * 101}",
        ONE.replace("ssh-ed25519", "ssh-dss"),
        ONE.replace("ssh-ed25519", "ssh-rsa"),
        ONE + '"',
        "ssh-ed25519 AAAA",
        "ssh-ed25519 ****",
    ],
)
def test_what_is_not_exactly_a_key_is_refused(text: object) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_key(text)
    assert caught.value.code == "key-malformed"


def test_key_is_bound_to_its_role() -> None:
    assert role_line(key(f"{ONE} ci"), "pipeline") == PIPELINE
    assert role_line(key(ONE), "pipeline") == PIPELINE.removesuffix(" ci")


@pytest.mark.parametrize(
    ("present", "expected"),
    [
        ("", HEADING + f"{PIPELINE}\n{OPERATOR}\n"),
        (HEADING + f"{PIPELINE}\n{OPERATOR}\n", HEADING + f"{PIPELINE}\n{OPERATOR}\n"),
        # without its last newline, in another order
        (HEADING + f"{OPERATOR}\n{PIPELINE}", HEADING + f"{OPERATOR}\n{PIPELINE}\n"),
        # a key with a shell loses it
        (HEADING + f"{ONE} old\n", HEADING + f"{PIPELINE}\n{OPERATOR}\n"),
        # the role that is asked for now counts
        (HEADING + PIPELINE.replace("pipeline", "operator") + "\n", HEADING + f"{PIPELINE}\n{OPERATOR}\n"),
        # duplicates go, another comment is no change
        (
            HEADING + PIPELINE.replace(" ci", " renamed") + f"\n{PIPELINE}\n{OPERATOR}\n",
            HEADING + PIPELINE.replace(" ci", " renamed") + f"\n{OPERATOR}\n",
        ),
        # a key in a comment line, or inside the command of another key, is no key
        (HEADING + f"# {ONE}\n", HEADING + f"# {ONE}\n{PIPELINE}\n{OPERATOR}\n"),
    ],
)
def test_asked_for_keys_stand_once_with_their_role(present: str, expected: str) -> None:
    roles = {"pipeline": [key(f"{ONE} ci")], "operator": [key(f"{TWO} ada")]}
    assert merged(present, roles) == expected
    assert merged(expected, roles) == expected


def test_keys_of_others_stay() -> None:
    text = HEADING + f"{PIPELINE}\n"
    assert merged(text, {"pipeline": [], "operator": [key(f"{TWO} ada")]}) == text + OPERATOR + "\n"


def test_request_names_keys_and_user() -> None:
    request = parse_request(json.dumps({"pipeline_keys": [f"{ONE} ci"], "operator_keys": [TWO], "user": "deploy"}))
    assert request.user == "deploy"
    assert [found.comment for found in request.pipeline_keys] == ["ci"]
    assert len(request.operator_keys) == 1
    assert parse_request("{}").user == "ferryman"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ([], "request-malformed"),
        ({"pipeline_keys": ONE}, "request-malformed"),
        ({"pipeline_keys": [ONE + "\n" + TWO]}, "key-malformed"),
        ({"pipeline_keys": [ONE], "operator_keys": [ONE + " same"]}, "key-in-two-roles"),
        ({"user": "root"}, "user-invalid"),
        ({"user": "-o x"}, "user-invalid"),
        ({"user": 1}, "user-invalid"),
    ],
)
def test_malformed_request_changes_nothing(data: Any, code: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse_request(json.dumps(data))
    assert caught.value.code == code
    assert caught.value.state == "nothing was changed"


def test_request_that_is_no_json_is_refused() -> None:
    with pytest.raises(BadRequest):
        parse_request("{")
