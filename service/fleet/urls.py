"""Addresses of version 1 of the API."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from fleet import api
from fleet.reports import ReportView

router = SimpleRouter(use_regex_path=True)
router.register("apps", api.AppViews)
router.register("servers", api.ServerViews)
plain = SimpleRouter(use_regex_path=False)
plain.register("environments", api.EnvironmentViews)
plain.register("releases", api.ReleaseViews)
plain.register("deployments", api.DeploymentViews)
plain.register("events", api.EventViews)

urlpatterns = [
    path("reports/", ReportView.as_view(), name="reports"),
    path("", include([*router.urls, *plain.urls])),
]
