"""The page to try the API on."""

from drf_spectacular.views import SpectacularSwaggerSplitView


class DocumentationView(SpectacularSwaggerSplitView):
    """The page of Swagger UI, without the inline style of drf-spectacular's own."""

    template_name = "api_documentation.html"
    url_name = "v1:schema"
