"""The well-known readers of variables: what they are asked for is noted with its type, also where it is missing."""

from __future__ import annotations

import contextlib
import importlib
from typing import Any

from ferryman.survey.inside.recording import Recording, placeholder


def install(recording: Recording, fill: dict[str, str]) -> None:
    """Follow those that are installed."""
    for follow in (_django_environ, _decouple, _pydantic_settings):
        with contextlib.suppress(ImportError):
            follow(recording, fill)


def _require(recording: Recording, fill: dict[str, str], name: str, form: str) -> None:
    """A variable without a default: it gets a placeholder of its type."""
    variable = recording.variable(name)
    variable.read_as(form)
    if name not in recording:
        variable.is_required = True
        fill.setdefault(name, placeholder(name, form))


def _form(cast: Any) -> str:
    name = cast if isinstance(cast, str) else getattr(cast, "__name__", type(cast).__name__)
    known = {"int": "int", "float": "float", "bool": "bool", "list": "list ,", "dict": "json", "Csv": "list ,"}
    return known.get(str(name), "")


def _django_environ(recording: Recording, fill: dict[str, str]) -> None:
    environ = importlib.import_module("environ")

    original = environ.Env.get_value
    forms = {"db_url_config": "url", "cache_url_config": "url", "email_url_config": "url"}

    def get_value(self: Any, var: Any, cast: Any = None, default: Any = environ.Env.NOTSET, **more: Any) -> Any:
        name = str(getattr(self, "prefix", "") or "") + str(var)
        scheme = self.scheme.get(var, ()) if isinstance(self.scheme, dict) else ()
        has_default = default is not environ.Env.NOTSET or (isinstance(scheme, tuple) and len(scheme) > 1)
        kind = cast or (scheme[0] if isinstance(scheme, tuple) and scheme else scheme or None)
        form = "list ," if isinstance(kind, (list, tuple)) else _form(kind) if kind else ""
        form = forms.get(getattr(cast, "__name__", ""), form)
        if has_default:
            variable = recording.variable(name)
            variable.has_default = True
            variable.default = None if default is environ.Env.NOTSET else repr(default)
            variable.read_as(form)
        else:
            _require(recording, fill, name, form)
        return original(self, var, cast=cast, default=default, **more)

    environ.Env.get_value = get_value


def _decouple(recording: Recording, fill: dict[str, str]) -> None:
    decouple = importlib.import_module("decouple")

    original = decouple.Config.get

    def get(self: Any, option: str, default: Any = decouple.undefined, cast: Any = decouple.undefined) -> Any:
        form = "" if isinstance(cast, decouple.Undefined) else _form(cast)
        if not isinstance(default, decouple.Undefined):
            variable = recording.variable(option)
            variable.has_default, variable.default = True, repr(default)
            variable.read_as(form)
        elif option not in self.repository:
            _require(recording, fill, option, form)
        return original(self, option, default=default, cast=cast)

    decouple.Config.get = get
    decouple.Config.__call__ = lambda self, *words, **named: self.get(*words, **named)


def _pydantic_settings(recording: Recording, fill: dict[str, str]) -> None:
    pydantic_settings = importlib.import_module("pydantic_settings")

    original = pydantic_settings.BaseSettings.__init__

    def init(self: Any, *words: Any, **named: Any) -> None:
        prefix = type(self).model_config.get("env_prefix", "")
        for field, found in type(self).model_fields.items():
            name = (str(found.alias) if found.alias else str(prefix) + field).upper()
            form = _form(found.annotation)
            if found.is_required() and field not in named:
                _require(recording, fill, name, form)
            else:
                recording.variable(name).has_default = True
        original(self, *words, **named)

    pydantic_settings.BaseSettings.__init__ = init
