"""Every address of Harbour."""

from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView

from fleet import pages

handler400 = "harbour.problems.bad_request"
handler403 = "harbour.problems.forbidden"
handler404 = "harbour.problems.not_found"
handler500 = "harbour.problems.server_error"

urlpatterns = [
    path("", pages.fleet, name="fleet"),
    path("sign-in/", LoginView.as_view(template_name="sign_in.html"), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("api/v1/", include("fleet.urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/docs/", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("admin/", admin.site.urls),
]
