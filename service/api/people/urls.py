"""Addresses of version 1 of the API that are about people."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from api.people import views

router = SimpleRouter(use_regex_path=False)
router.register("memberships", views.MembershipViews)
router.register("invitations", views.InvitationViews)
router.register("tokens", views.TokenViews)

urlpatterns = [
    path("me/", views.MeView.as_view(), name="me"),
    path("", include(router.urls)),
]
