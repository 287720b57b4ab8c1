"""The API's description: as OpenAPI, and as a page to try it on."""

import json
import threading
from functools import lru_cache
from typing import Any

from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from api.resources import CheckedQuery
from ground.static import STATIC_ROOT

BUILT = STATIC_ROOT.parent / "openapi.json"
_ALONE = threading.Lock()


def described() -> Any:
    """Return the description of version 1; it is the same for everybody."""
    # Two threads that make it at the same time fail.
    with _ALONE:
        return _described()


@lru_cache(maxsize=1)
def _described() -> Any:
    """Read what the image was built with, or make it: that takes each worker 10 MB."""
    return json.loads(BUILT.read_text()) if BUILT.exists() else describe()


def describe() -> Any:
    """Make the description."""
    return SchemaGenerator(api_version="v1").get_schema(request=None, public=True)


class SchemaView(CheckedQuery, APIView):
    """The API's description."""

    @extend_schema(operation_id="schema_retrieve", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Answer the description of this API as OpenAPI 3.1."""
        return Response(described())


class OldSchemaView(APIView):
    """The description where it was before version 1 had an address for it."""

    renderer_classes = (OpenApiYamlRenderer, OpenApiYamlRenderer2, OpenApiJsonRenderer, OpenApiJsonRenderer2)

    @extend_schema(exclude=True)
    def get(self, request: Request) -> Response:  # noqa: ARG002
        """Answer the description."""
        return Response(described())


class DocumentationView(SpectacularSwaggerSplitView):
    """The page to try the API on: Swagger UI, without the inline style of drf-spectacular's own."""

    template_name = "api_documentation.html"
    url_name = "v1:schema"
