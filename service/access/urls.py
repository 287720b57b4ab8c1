"""Addresses of version 1 of the API that are about people."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from access import api

router = SimpleRouter(use_regex_path=False)
router.register("memberships", api.MembershipViews)
router.register("invitations", api.InvitationViews)
router.register("tokens", api.TokenViews)

urlpatterns = [
    path("me/", api.MeView.as_view(), name="me"),
    path("", include(router.urls)),
]
