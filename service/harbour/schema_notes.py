"""What views tell the API's description: noted, for the generator that takes it would hold 5 MB in web processes."""

from collections.abc import Callable
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])
_NOTES: list[tuple[Callable[..., Any], dict[str, Any]]] = []


def extend_schema(**told: Any) -> Callable[[Method], Method]:
    """Note what drf-spectacular's decorator of this name is told about a view's method."""

    def note(method: Method) -> Method:
        _NOTES.append((method, told))
        return method

    return note


def apply() -> None:
    """Tell drf-spectacular all that was noted, once."""
    from drf_spectacular.utils import extend_schema as tell

    for method, told in _NOTES:
        tell(**told)(method)
    _NOTES.clear()
