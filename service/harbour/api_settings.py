"""Settings of REST framework and of the API's description."""

from typing import Any

REST_FRAMEWORK: dict[str, Any] = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "access.requests.authentication.TokenAuthentication",
        "access.requests.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["access.requests.permissions.MayRead"],
    "DEFAULT_THROTTLE_CLASSES": ["access.requests.throttling.RequestThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["api.json_format.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["api.json_format.JSONParser"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_VERSIONING_CLASS": "rest_framework.versioning.NamespaceVersioning",
    "DEFAULT_VERSION": "v1",
    "ALLOWED_VERSIONS": ["v1"],
    "DEFAULT_SCHEMA_CLASS": "api.description.schema.Description",
    "DEFAULT_METADATA_CLASS": None,
    # `?format=` would be one more way to say what the Accept header says.
    "URL_FORMAT_OVERRIDE": None,
    "EXCEPTION_HANDLER": "ground.problems.answer_exception",
    # The edge is the only way in, and it adds the address that it saw to X-Forwarded-For.
    "NUM_PROXIES": 1,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SPECTACULAR_SETTINGS: dict[str, Any] = {
    "TITLE": "Harbour",
    "DESCRIPTION": (
        "The fleet's log book: which release serves where, and how each deployment went.\n\n"
        "Requests prove who they are by a session, or by a token: `Authorization: Bearer harbour_…`. "
        "Errors are problem details (RFC 9457). Answers to GET carry an `ETag`; sent back as `If-None-Match`, it is "
        "answered 304 while nothing has changed. Lists that grow are paged by a cursor: follow `next`. "
        "Unknown query parameters are refused, so that a misspelt filter never looks like an answer."
    ),
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": True,
    "SERVE_PERMISSIONS": ["access.requests.permissions.MayRead"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "ENUM_NAME_OVERRIDES": {
        "Role": "access.models.Role",
        "Scope": "access.models.Scope",
        "Outcome": "fleet.models.Outcome",
    },
    "COMPONENT_SPLIT_REQUEST": True,
}
