"""The admin: every page opens, and nothing that proves somebody is shown or made there."""

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from access.models import Invitation, Token, User
from tests.conftest import Agent
from tests.world import World, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(agent: Agent, other_agent: Agent) -> World:
    """The fleet with its people."""
    return make_world(agent, other_agent)


@pytest.fixture
def root(world: World) -> Client:
    """Whoever runs Harbour."""
    client = Client()
    client.force_login(User.objects.create_superuser("root@example.com"))
    return client


def test_every_page_opens(root: Client) -> None:
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        assert root.get(reverse(f"{name}_changelist")).status_code == 200, name
        found = model._default_manager.first()
        if found is not None:
            answer = root.get(reverse(f"{name}_change", args=[found.pk]))
            assert answer.status_code == 200, name
            if model in {Token, Invitation}:
                assert str(found.serializable_value("digest")) not in answer.content.decode()


def test_tokens_and_invitations_are_not_made_here(root: Client) -> None:
    for name in ("token", "invitation"):
        assert root.get(reverse(f"admin:access_{name}_add")).status_code == 403
    token = Token.objects.first()
    assert token is not None
    assert root.post(reverse("admin:access_token_delete", args=[token.pk]), {"post": "yes"}).status_code == 403


def test_tokens_are_revoked_here(root: Client, world: World) -> None:
    chosen = [token.pk for token in Token.objects.all()]
    address = reverse("admin:access_token_changelist")
    root.post(address, {"action": "revoke_tokens", "_selected_action": chosen})
    assert not Token.objects.filter(revoked_at=None).exists()
    assert world.agent.send().status_code == 401


def test_a_person_is_made_by_address(root: Client) -> None:
    body = {"email": "New@example.com", "name": "New", "usable_password": "false"}
    assert root.post(reverse("admin:access_user_add"), body).status_code == 302
    assert not User.objects.get(email__iexact="new@example.com").has_usable_password()
