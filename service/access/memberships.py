"""Changing and ending what a person may do in an app."""

from django.db import transaction

from access.models import Membership, Role, User
from fleet.models import App


class LastOwner(Exception):
    """The app would be left without an owner; only staff may do that."""


def change_role(membership: Membership, role: Role, by: User) -> Membership:
    """Give the person another role. Raises LastOwner when `by` is not staff and it was the app's only owner."""
    with transaction.atomic():
        _keep_an_owner(membership, by, is_owner_afterwards=role is Role.OWNER)
        membership.role = role
        membership.save(update_fields=["role"])
    return membership


def remove(membership: Membership, by: User) -> None:
    """End the membership. Raises LastOwner when `by` is not staff and it was the app's only owner."""
    with transaction.atomic():
        _keep_an_owner(membership, by, is_owner_afterwards=False)
        membership.delete()


def _keep_an_owner(membership: Membership, by: User, *, is_owner_afterwards: bool) -> None:
    # The app's row is the lock: two owners who remove each other at the same time come one after the other.
    App.objects.select_for_update().get(pk=membership.app_id)
    owners = set(Membership.objects.filter(app=membership.app_id, role=Role.OWNER).values_list("pk", flat=True))
    if owners == {membership.pk} and not is_owner_afterwards and not by.is_staff:
        raise LastOwner
