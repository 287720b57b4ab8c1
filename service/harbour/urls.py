"""Every address of Harbour."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from harbour.metrics_view import metrics

handler400 = "harbour.unavailable.bad_request"
handler403 = "harbour.problems.forbidden"
handler404 = "harbour.problems.not_found"
handler500 = "harbour.unavailable.server_error"

urlpatterns = [
    path("metrics", metrics, name="metrics"),
    path("", include("fleet.pages.urls")),
    path("", include("access.pages.urls")),
    path("api/", include("harbour.api_urls")),
    path(settings.CONFIGURATION.admin_path, admin.site.urls),
]
