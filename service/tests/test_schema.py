"""The API's description: made without a warning, and complete about answers, problems and examples."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from api.description.views import described

pytestmark = pytest.mark.django_db
ANY = {"400", "401", "403", "406", "429", "500", "503"}


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Return method, path and operation of each."""
    for path, methods in described()["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_the_api_describes_itself_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("spectacular", "--validate", "--fail-on-warn", "--api-version", "v1", "--file", "/dev/null")
    assert capsys.readouterr().err == ""


def test_every_operation_tells_every_status_that_it_can_answer() -> None:
    for method, path, operation in operations():
        expected = set(ANY)
        if "{" in path:
            expected.add("404")
        if method in {"post", "patch"}:
            expected |= {"413", "415"}
        if method == "get":
            expected.add("304")
        assert expected <= set(operation["responses"]), (method, path)
        for status, answer in operation["responses"].items():
            if status >= "400":
                schema = answer["content"]["application/problem+json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}, (method, path, status)


def test_every_operation_has_a_name_a_description_and_examples() -> None:
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(set(names)) == len(names)
    for method, path, operation in operations():
        assert operation.get("description"), (method, path)
        for status, answer in operation["responses"].items():
            if status.startswith("2") and "content" in answer and not path.endswith(("/schema/", "/reports/")):
                assert answer["content"]["application/json"].get("examples"), (method, path, status)
        if "requestBody" in operation and not path.endswith("/reports/"):
            assert operation["requestBody"]["content"]["application/json"].get("examples"), (method, path)


def test_the_old_address_of_the_description_says_what_takes_its_place(client: Client, public_read: None) -> None:
    old, new = client.get("/api/schema/"), client.get("/api/v1/schema/")
    assert (old.status_code, new.status_code) == (200, 200)
    assert old.headers["Deprecation"] == "@1796083200"
    assert old.headers["Sunset"] == "Wed, 01 Dec 2027 00:00:00 GMT"
    assert old.headers["Link"] == '</api/v1/schema/>; rel="successor-version"'
    assert "Deprecation" not in new.headers
    assert client.get("/api/schema/", headers={"Accept": "application/json"}).json() == new.json()


def test_the_description_is_for_those_who_may_read(client: Client) -> None:
    for path in ("/api/v1/schema/", "/api/schema/", "/api/docs/"):
        assert client.get(path).status_code == 401


def test_the_page_to_try_it_on_has_nothing_inline(client: Client, public_read: None) -> None:
    answer = client.get("/api/docs/")
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    text = answer.content.decode()
    assert "<style" not in text
    assert text.count("<script ") == text.count("<script src=") == text.count("<script")
    assert client.get("/api/docs/?script").status_code == 200
