"""Every address of Harbour."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path

from api.metrics import metrics

handler400 = "pages.errors.bad_request"
handler403 = "pages.errors.forbidden"
handler404 = "pages.errors.not_found"
handler500 = "pages.errors.server_error"

urlpatterns = [
    path("metrics", metrics, name="metrics"),
    path("", include("pages.fleet.urls")),
    path("", include("pages.people.urls")),
    path("api/", include("harbour.api_urls")),
    path(settings.CONFIGURATION.admin_path, admin.site.urls),
]
