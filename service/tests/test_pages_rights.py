"""Who may open which page: every address that is not the API's or the admin's, as everybody, with the exact status."""

from collections.abc import Iterator

import pytest
from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver

from tests.conftest import Agent
from tests.world import EVERYBODY, World, make_world

pytestmark = pytest.mark.django_db
ELSEWHERE = {"api/", "admin/"}

IN = "to sign-in"

# owner, member, viewer, stranger, staff, anonymous, server: a token opens no page
Answers = tuple[int | str, ...]
SIGNED_IN: Answers = (200, 200, 200, 200, 200, IN, IN)
SEEN: Answers = (200, 200, 200, 404, 200, IN, IN)
CHANGED: Answers = (302, 403, 403, 404, 302, IN, IN)
SIGNED_OUT: Answers = (302, 302, 302, 302, 302, 200, 200)
ENDED: Answers = (410, 410, 410, 410, 410, 410, 410)
PAGES: dict[str, tuple[str, str, dict[str, str], Answers]] = {
    "fleet": ("get", "/", {}, SIGNED_IN),
    "news": ("get", "/live/", {}, (200, 200, 200, 200, 200, 401, 401)),
    "deployment": ("get", "/deployments/{deployment}/", {}, SEEN),
    "deployment-news": ("get", "/deployments/{deployment}/live/", {}, (200, 200, 200, 404, 200, 401, 401)),
    "servers": ("get", "/servers/", {}, SIGNED_IN),
    "app": ("get", "/apps/shop/", {}, SEEN),
    "edit-app": ("post", "/apps/shop/edit/", {"description": "sells"}, CHANGED),
    "invite": ("post", "/apps/shop/invitations/", {"invite-email": "none"}, (200, 403, 403, 404, 200, IN, IN)),
    "withdraw": ("post", "/apps/shop/invitations/{invitation}/", {}, CHANGED),
    "member": ("post", "/apps/shop/members/{membership}/", {"role": "member"}, CHANGED),
    "sign-in": ("get", "/sign-in/", {}, SIGNED_OUT),
    "sign-out": ("post", "/sign-out/", {}, (302, 302, 302, 302, 302, 302, 302)),
    "password": ("get", "/password/", {}, SIGNED_IN),
    "forgotten-password": ("get", "/password/forgotten/", {}, (200, 200, 200, 200, 200, 200, 200)),
    "new-password": ("get", "/password/new/", {}, ENDED),
    "invitation": ("get", "/invitation/", {}, ENDED),
    "account": ("get", "/account/", {}, SIGNED_IN),
    "revoke-token": ("post", "/account/tokens/{token}/", {}, (404, 404, 404, 404, 404, IN, IN)),
    "metrics": ("get", "/metrics", {}, (401, 401, 401, 401, 401, 401, 404)),
}


@pytest.fixture
def world(agent: Agent, other_agent: Agent) -> World:
    """The fleet with its people."""
    return make_world(agent, other_agent)


@pytest.mark.parametrize("name", PAGES)
def test_everybody_gets_the_pages_that_the_role_allows(world: World, name: str) -> None:
    method, path, data, expected = PAGES[name]
    address = path.format_map(world.ids())
    found: list[int | str] = []
    for who in EVERYBODY:
        with transaction.atomic():
            answer = getattr(world.client(who), method)(address, data)
            found.append(IN if answer.headers.get("Location", "").startswith("/sign-in/?next=") else answer.status_code)
            # For the next it is as if this one had not been here.
            transaction.set_rollback(True)
    assert tuple(found) == expected


def test_every_page_is_among_what_everybody_opens() -> None:
    assert set(PAGES) == set(_names(get_resolver().url_patterns))


def _names(patterns: list[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            yield str(pattern.name)
        elif str(pattern.pattern) not in ELSEWHERE:
            yield from _names(pattern.url_patterns)
