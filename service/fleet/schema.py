"""Tells drf-spectacular how requests prove who they are."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from typing_extensions import override


class SessionScheme(OpenApiAuthenticationExtension):
    """The browser's session."""

    target_class = "fleet.access.SessionAuthentication"
    name = "session"

    @override
    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "apiKey", "in": "cookie", "name": "sessionid"}


class ServerTokenScheme(OpenApiAuthenticationExtension):
    """A server's token."""

    target_class = "fleet.access.ServerTokenAuthentication"
    name = "serverToken"

    @override
    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
