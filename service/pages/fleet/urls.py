"""Addresses of the fleet's pages."""

from django.urls import path, re_path

from fleet.models import SLUG
from pages.fleet import app, deployment, members, overview, servers

APP = rf"^apps/(?P<name>{SLUG})/"

urlpatterns = [
    path("", overview.overview, name="fleet"),
    path("live/", overview.news, name="news"),
    path("deployments/<uuid:number>/", deployment.deployment, name="deployment"),
    path("deployments/<uuid:number>/live/", deployment.news, name="deployment-news"),
    path("servers/", servers.servers, name="servers"),
    re_path(rf"{APP}$", app.app, name="app"),
    re_path(rf"{APP}edit/$", members.edit, name="edit-app"),
    re_path(rf"{APP}invitations/$", members.invite_somebody, name="invite"),
    re_path(rf"{APP}invitations/(?P<number>[0-9]{{1,18}})/$", members.withdraw_invitation, name="withdraw"),
    re_path(rf"{APP}members/(?P<number>[0-9]{{1,18}})/$", members.change_member, name="member"),
]
