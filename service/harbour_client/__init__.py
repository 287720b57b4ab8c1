"""A typed client of Harbour's API, for programs and for Harbour's own tests."""

from harbour_client.client import Harbour
from harbour_client.errors import (
    Conflict,
    Forbidden,
    HarbourError,
    NotFound,
    NotValid,
    ProblemError,
    TryLater,
    Unauthorized,
)

__all__ = [
    "Conflict",
    "Forbidden",
    "Harbour",
    "HarbourError",
    "NotFound",
    "NotValid",
    "ProblemError",
    "TryLater",
    "Unauthorized",
]
