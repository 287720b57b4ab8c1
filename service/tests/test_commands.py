"""The commands: what they print and what they leave."""

import io

import pytest
from django.core.management import CommandError, call_command

from access.tokens import find_token
from fleet.models import Deployment, Server

pytestmark = pytest.mark.django_db


def test_a_token_is_printed_alone_and_works() -> None:
    out = io.StringIO()
    call_command("create_server_token", "--server", "vps-1", stdout=out)
    token = out.getvalue()
    assert token.endswith("\n")
    found = find_token(token.strip())
    assert found is not None
    assert found.server is not None
    assert found.server.name == "vps-1"


def test_a_server_may_have_several_tokens() -> None:
    for _ in range(2):
        call_command("create_server_token", "--server", "vps-1", stdout=io.StringIO())
    assert Server.objects.get().tokens.count() == 2


@pytest.mark.parametrize("name", ["", "two words", "x" * 64, "-x"])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(CommandError, match="is not a server's name"):
        call_command("create_server_token", f"--server={name}")


def test_example_data_is_the_same_each_time() -> None:
    def shown() -> list[tuple[object, ...]]:
        return list(Deployment.objects.order_by("id").values_list("id", "outcome", "seconds"))

    call_command("load_example_data", stdout=io.StringIO())
    first = shown()
    call_command("load_example_data", stdout=io.StringIO())
    assert shown() == first
    assert len(first) == 18
