"""Addresses of version 1 of the API."""

from django.urls import include, path
from rest_framework.routers import SimpleRouter

from api.fleet import views
from api.fleet.reports import ReportView

router = SimpleRouter(use_regex_path=True)
router.register("apps", views.AppViews)
router.register("servers", views.ServerViews)
plain = SimpleRouter(use_regex_path=False)
plain.register("environments", views.EnvironmentViews)
plain.register("notices", views.NoticeViews)
plain.register("releases", views.ReleaseViews)
plain.register("deployments", views.DeploymentViews)
plain.register("events", views.EventViews)

urlpatterns = [
    path("reports/", ReportView.as_view(), name="reports"),
    path("", include([*router.urls, *plain.urls])),
]
