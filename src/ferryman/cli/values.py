"""Commands that read plain values themselves: Typer would load pydantic, which takes as long as all of Typer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from typer.core import TyperCommand, TyperGroup


class PlainValues:
    """Stands where Typer keeps what reads a parameter's values; what is not plain goes on to Typer's own."""

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value as the command gets it."""
        is_several = param.multiple or param.nargs == -1
        if value is None:
            return () if is_several else None
        if not param.type_descriptor.parameter_info.parser:
            plain = _plain_texts(value, param) if is_several else _plain(value, param)
            if plain is not None:
                return plain
        param._runtime_param = None
        return param.get_runtime_param().coerce(value, param=param, ctx=ctx)


def _plain_texts(value: Any, param: Any) -> list[str] | None:
    is_plain = param.type_descriptor.annotation == list[str] and all(isinstance(item, str) for item in value)
    return list(value) if is_plain else None


def _plain(value: Any, param: Any) -> Any:
    """A text, a path, a number as a person writes it, or a default as it is; None for all else."""
    kind = param.type_descriptor.annotation
    if isinstance(kind, type) and isinstance(value, kind) and (kind in (str, Path) or value is param.default):
        return value
    if not isinstance(value, str):
        return None
    if kind is Path:
        return Path(value)
    if kind is int and value.isascii() and value.isdecimal() and _is_within(int(value), param):
        return int(value)
    return None


def _is_within(number: int, param: Any) -> bool:
    return (param.min is None or number >= param.min) and (param.max is None or number <= param.max)


def _read_plainly(parameters: list[Any]) -> list[Any]:
    """Put PlainValues where a version of Typer would load pydantic; in others nothing is there to put it."""
    for parameter in parameters:
        if hasattr(parameter, "type_descriptor") and getattr(parameter, "_runtime_param", parameter) is None:
            parameter._runtime_param = PlainValues()
    return parameters


class PlainCommand(TyperCommand):
    """A command that reads plain values itself."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return _read_plainly(super().get_params(ctx))


class PlainGroup(TyperGroup):
    """A group of commands that reads plain values itself."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its parameters."""
        return _read_plainly(super().get_params(ctx))
