"""How a section of ferryman.toml is declared and read: kinds of values, keys, and all mistakes at once."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from ferryman.config.positions import KeyPath
from ferryman.config.problems import Problem, shown, type_told, unknown

# What stands for a value that can't be used: a problem has been noted, so nobody will see it.
BROKEN: Any = object()
REQUIRED: Any = object()


class Mistake(ValueError):
    """A value can't be used; why is told after the value."""

    form = "{value} {reason}; {fits}"


class WrongForm(Mistake):
    """A value is of another type, or empty; the message says all of it."""

    form = "{reason}; {fits}"


class WrongTable(Mistake):
    """What a table has fits by itself, but not together."""

    form = "{reason}"


class Place:
    """Where in the file a value is read. `is_unresolved`: it may hold variables, looked at when they are resolved."""

    def __init__(self, path: KeyPath, problems: list[Problem], *, is_unresolved: bool = False) -> None:
        self.path, self.problems, self.is_unresolved = path, problems, is_unresolved

    def inside(self, name: str | int) -> Place:
        """The place of a key, or of an item."""
        return Place((*self.path, name), self.problems, is_unresolved=self.is_unresolved)

    def note(self, text: str, *, is_section: bool = False) -> None:
        """Remember what is wrong here."""
        self.problems.append(Problem(self.path, text, is_section))

    def passes(self, value: str) -> bool:
        """Whether a value holds a variable that is not resolved yet."""
        return self.is_unresolved and "${" in value


class Kind:
    """What a value may be: in words for a person, as a JSON schema for an editor."""

    allowed: str = ""
    schema: Mapping[str, Any] = {}
    keys: tuple[str, ...] = ()
    section: type[Section] | None = None
    inner: Kind | None = None

    def plain(self, value: Any) -> Any:
        """The value as the program has it. Mistake when it is not of this kind."""
        raise NotImplementedError

    def read(self, value: Any, place: Place) -> Any:  # noqa: ARG002 - most values mean the same everywhere
        """The same, where the place matters."""
        return self.plain(value)

    def take(self, value: Any, place: Place) -> Any:
        """The same; a mistake is noted, and BROKEN returned."""
        try:
            return self.read(value, place)
        except Mistake as mistake:
            place.note(mistake.form.format(value=shown(value), reason=mistake, fits=self.what_fits))
            return BROKEN

    @property
    def what_fits(self) -> str:
        """What may stand there, as a message ends."""
        return f"allowed: {self.allowed or 'a table of ' + ', '.join(self.keys)}"


def require(value: Any, kind: type) -> None:
    """WrongForm when a value is of another type; true and false are no numbers."""
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise WrongForm(type_told(value))


class Text(Kind):
    """A string that fits `pattern` as a whole, and what `check` makes of it."""

    def __init__(
        self,
        allowed: str,
        *,
        pattern: str = "",
        check: Callable[[str, Place], str] | None = None,
        schema: Mapping[str, Any] | None = None,
    ) -> None:
        self.allowed = allowed
        self.schema = {
            "type": "string",
            **({"pattern": f"^{pattern}$"} if pattern and schema is None else schema or {}),
        }
        self._pattern, self._check = pattern, check

    def read(self, value: Any, place: Place) -> str:
        """The string."""
        require(value, str)
        text = str(value)
        if self._pattern and not fits(self._pattern, text):
            raise Mistake("can't be used")
        return self._check(text, place) if self._check else text


class Quantity(Kind):
    """A number with a unit, which `parse` turns into seconds or bytes; ValueError where it is none."""

    def __init__(self, allowed: str, what: str, pattern: str, parse: Callable[[str], float], least: float = 0) -> None:
        self.allowed = allowed
        self.schema = {"type": "string", "pattern": pattern}
        self._what, self._parse, self._least = what, parse, least

    def plain(self, value: Any) -> float:
        """The number."""
        if isinstance(value, dict):
            require(value, str)
        if not isinstance(value, str):
            raise Mistake("has no unit")
        try:
            found = self._parse(value)
        except ValueError:
            raise Mistake(f"is not {self._what}") from None
        if found < self._least:
            raise Mistake("is too small")
        return found


class Integer(Kind):
    """A whole number."""

    def __init__(self, allowed: str, least: int, most: int) -> None:
        self.allowed = allowed
        self.schema = {"type": "integer", "minimum": least, "maximum": most}
        self._least, self._most = least, most

    def plain(self, value: Any) -> int:
        """The number."""
        require(value, int)
        if not self._least <= value <= self._most:
            raise Mistake("can't be used")
        return int(value)


class Share(Kind):
    """A number above 0."""

    def __init__(self, allowed: str, most: int) -> None:
        self.allowed = allowed
        self.schema = {"type": "number", "exclusiveMinimum": 0, "maximum": most}
        self._most = most

    def plain(self, value: Any) -> float:
        """The number; one that is none, or has no end, is not above 0 and below the limit."""
        require(value, float if isinstance(value, float) else int)
        if not 0 < value <= self._most:
            raise Mistake("can't be used")
        return float(value)


class Truth(Kind):
    """True or false."""

    allowed = "true or false"
    schema: Mapping[str, Any] = {"type": "boolean"}

    def plain(self, value: Any) -> bool:
        """It."""
        require(value, bool)
        return bool(value)


class Choice(Kind):
    """One of a few strings."""

    def __init__(self, *choices: str) -> None:
        self.allowed = ", ".join(f'"{choice}"' for choice in choices)
        self.schema = {"type": "string", "enum": list(choices)}
        self._choices = choices

    def plain(self, value: Any) -> str:
        """The string."""
        if value not in self._choices:
            raise Mistake("can't be used")
        return str(value)


class Array(Kind):
    """An array of values of one kind."""

    def __init__(self, allowed: str, inner: Kind, *, least: int = 0) -> None:
        self.allowed, self.inner = allowed, inner
        items = {"type": "array", "items": dict(inner.schema)}
        self.schema = {**items, "minItems": least} if least else items
        self._item, self._least = inner, least

    def read(self, value: Any, place: Place) -> tuple[Any, ...]:
        """The values; each mistake has its index."""
        require(value, list)
        if len(value) < self._least:
            raise WrongForm("is empty")
        return tuple(self._item.take(item, place.inside(number)) for number, item in enumerate(value))


class Table(Kind):
    """A table whose names are of one kind and values of another; `check` raises WrongTable."""

    def __init__(
        self, allowed: str, names: Text, inner: Kind, check: Callable[[dict[str, Any]], None] | None = None
    ) -> None:
        self.allowed, self.inner = allowed, inner
        names_that_fit = {names.schema["pattern"]: dict(inner.schema)}
        self.schema = {"type": "object", "patternProperties": names_that_fit, "additionalProperties": False}
        self._names, self._value, self._check = names, inner, check

    def read(self, value: Any, place: Place) -> dict[str, Any]:
        """The values by name."""
        require(value, dict)
        before = len(place.problems)
        for name in value:
            self._check_name(name, place.inside(name))
        found = {name: self._value.take(item, place.inside(name)) for name, item in value.items()}
        if self._check and len(place.problems) == before:
            self._check(found)
        return found

    def _check_name(self, name: str, place: Place) -> None:
        try:
            self._names.read(name, place)
        except Mistake:
            place.note(f"this name can't be used; {self._names.what_fits}")


class Either(Kind):
    """An array, or a table that says more."""

    def __init__(self, allowed: str, array: Array, table: Table) -> None:
        self.allowed = allowed
        self.schema = {"anyOf": [dict(array.schema), dict(table.schema)]}
        self._array, self._table = array, table

    def read(self, value: Any, place: Place) -> tuple[Any, ...] | dict[str, Any]:
        """The values, by name where it is a table."""
        return self._table.read(value, place) if isinstance(value, dict) else self._array.read(value, place)


class Part(Kind):
    """A section within a section."""

    def __init__(self, section: type[Section], allowed: str = "") -> None:
        self.allowed, self.section, self.keys = allowed, section, tuple(section.declared)
        self.schema = {"$ref": f"#/$defs/{section.__name__}"}
        self._section = section

    def read(self, value: Any, place: Place) -> Any:
        """The section."""
        return self._section.read(value, place)


class Key:
    """A key of a section: what it may hold, what it is for, and its default as a person would write it."""

    def __init__(self, kind: Kind, description: str, default: Any) -> None:
        self.kind, self.description, self.written = kind, description, default
        self.is_required = default is REQUIRED
        self.default = default if default is REQUIRED or default is None else kind.read(default, Place((), []))


def key(kind: Kind, description: str = "", default: Any = REQUIRED) -> Any:
    """Declare a key. `default` is written as in the file; None: nothing; without one the key must be there."""
    return Key(kind, description, default)


class Section:
    """A table of ferryman.toml. Its keys are those that the class declares, and its values never change."""

    declared: ClassVar[dict[str, Key]] = {}
    more: ClassVar[Kind | None] = None  # the kind of what has another name; None: nothing may

    def __init_subclass__(cls) -> None:
        own = {name: value for name, value in vars(cls).items() if isinstance(value, Key)}
        cls.declared = {**cls.declared, **own}

    def __init__(self, **values: Any) -> None:
        defaults = {name: declared.default for name, declared in self.declared.items()}
        vars(self).update({**defaults, **values})

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"a section does not change: {name}")

    @classmethod
    def read(cls, data: Any, place: Place) -> Any:
        """The section that a table is; what is missing, unknown or wrong is noted."""
        require(data, dict)
        values: dict[str, Any] = {}
        for name, declared in cls.declared.items():
            kind, inside = declared.kind, place.inside(name)
            if name in data:
                values[name] = kind.take(data[name], inside)
            elif declared.is_required:
                what = "missing section" if kind.keys else "missing"
                inside.note(f"{what}; {kind.what_fits}", is_section=bool(kind.keys))
        others = {name: value for name, value in data.items() if name not in cls.declared}
        if cls.more:
            return cls(
                **values, others={name: cls.more.take(value, place.inside(name)) for name, value in others.items()}
            )
        for name, value in others.items():
            place.inside(name).note(unknown(name, list(cls.declared), is_section=isinstance(value, dict)))
        return cls(**values)

    def as_dict(self) -> dict[str, Any]:
        """The values by name, those of sections within as dictionaries too."""
        return {name: _plain(getattr(self, name)) for name in self.declared}


def _plain(value: Any) -> Any:
    if isinstance(value, Section):
        return value.as_dict()
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def fits(pattern: str, text: str) -> bool:
    """Whether a text is what a pattern describes, as a whole."""
    return re.fullmatch(pattern, text) is not None
