"""Holds requests and answers against an OpenAPI 3.0 description, and makes the smallest answer that it allows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, unquote

from jsonschema import Draft202012Validator

TRUTH = {"true": True, "false": False}


class Violation(AssertionError):
    """A request or an answer that the description does not allow."""


@dataclass(frozen=True)
class Request:
    """A request as it came: the path with its percent signs."""

    method: str
    path: str
    query: str
    body: Any = None


@dataclass(frozen=True)
class Call:
    """A request that the description allows: its operation's path, and what stands in the places of the names."""

    method: str
    template: str
    names: dict[str, str]
    query: dict[str, Any]
    body: Any


class Description:
    """An API as an OpenAPI document describes it."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = without_nullable(document)

    def check_request(self, request: Request) -> Call:
        """Violation for another path, method, query, body, or a value of another kind than described."""
        template, names = self._match(request.path)
        path = self._document["paths"][template]
        operation = path.get(request.method.lower())
        if operation is None:
            raise Violation(f"{template} has no method {request.method}")
        described = [self.resolve(p) for p in [*path.get("parameters", []), *operation.get("parameters", [])]]
        query = self._query(request.query, {p["name"]: p for p in described if p["in"] == "query"})
        for parameter in (p for p in described if p["in"] == "path"):
            self.check(names[parameter["name"]], parameter["schema"], parameter["name"])
        self._check_body(request.body, operation.get("requestBody"))
        return Call(request.method, template, names, query, request.body)

    def _match(self, path: str) -> tuple[str, dict[str, str]]:
        for template in sorted(self._document["paths"], key=lambda known: known.count("{")):
            pattern = re.sub(r"\{(\w+)\}", lambda name: f"(?P<{name[1]}>[^/]+)", template)
            pattern = pattern.replace("(?P<ref>[^/]+)", "(?P<ref>.+)")
            found = re.fullmatch(pattern, path)
            if found:
                return template, {name: unquote(value, errors="strict") for name, value in found.groupdict().items()}
        raise Violation(f"no path is described for {path}")

    def _query(self, text: str, described: Mapping[str, Any]) -> dict[str, Any]:
        given = parse_qs(text, keep_blank_values=True, strict_parsing=True, errors="strict") if text else {}
        found = {}
        for name, values in given.items():
            if name not in described or len(values) != 1:
                raise Violation(f"the query has {name}={values}, described are {sorted(described)}")
            found[name] = _typed(values[0], described[name]["schema"])
            self.check(found[name], described[name]["schema"], name)
        missing = [name for name, parameter in described.items() if parameter.get("required") and name not in found]
        if missing:
            raise Violation(f"the query lacks {missing}")
        return found

    def _check_body(self, body: Any, described: Any) -> None:
        if described is None:
            if body is not None:
                raise Violation(f"no body is described, this one came: {body!r}")
            return
        schema = self.resolve(self.resolve(described)["content"]["application/json"]["schema"])
        self.check(body, schema, "the body")
        unknown = set(body) - set(schema["properties"])
        if unknown:
            raise Violation(f"the body has {sorted(unknown)}, which is not described")

    def check_answer(self, call: Call, status: int, body: Any) -> None:
        """Violation for a status or a body that is not described for this call."""
        responses = self._document["paths"][call.template][call.method.lower()]["responses"]
        if str(status) not in responses:
            raise Violation(f"{call.method} {call.template} is not described to answer {status}: {sorted(responses)}")
        content = self.resolve(responses[str(status)]).get("content", {})
        if "application/json" not in content:
            if body is not None:
                raise Violation(f"{call.method} {call.template} answers {status} without a body")
            return
        self.check(body, content["application/json"]["schema"], f"the answer {status} to {call.method} {call.template}")

    def check(self, value: Any, schema: Mapping[str, Any], what: str) -> None:
        """Violation unless a value is as its schema says."""
        validator = Draft202012Validator({**self._document, "allOf": [schema]})
        errors = sorted(validator.iter_errors(value), key=lambda error: len(error.path))
        if errors:
            raise Violation(f"{what}: {'/'.join(map(str, errors[0].path))}: {errors[0].message[:300]}")

    def resolve(self, node: Mapping[str, Any]) -> Any:
        """What a reference leads to."""
        found: Any = node
        while isinstance(found, dict) and "$ref" in found:
            target = self._document
            for part in found["$ref"].removeprefix("#/").split("/"):
                target = target[part]
            found = target
        return found

    def sample(self, name: str, /, **given: Any) -> dict[str, Any]:
        """The smallest object of a named schema, with what is given in it."""
        return {**self._smallest({"$ref": f"#/components/schemas/{name}"}), **given}

    def _smallest(self, schema: Mapping[str, Any]) -> Any:
        schema = self.resolve(schema)
        for key in ("anyOf", "oneOf"):
            if key in schema:
                return self._smallest(schema[key][0])
        if "allOf" in schema:
            parts = [self._smallest(part) for part in schema["allOf"]]
            return {name: value for part in parts for name, value in part.items()}
        if "enum" in schema:
            return schema["enum"][0]
        kind = schema.get("type", "object")
        if kind == "object":
            properties = schema.get("properties", {})
            return {name: self._smallest(properties[name]) for name in schema.get("required", [])}
        smallest = {"string": "", "integer": 0, "number": 0, "boolean": False, "array": [], "null": None}
        return smallest[kind]


def _typed(text: str, schema: Mapping[str, Any]) -> Any:
    if schema["type"] == "integer" and re.fullmatch(r"-?\d+", text):
        return int(text)
    return TRUTH.get(text, text) if schema["type"] == "boolean" else text


def without_nullable(node: Any) -> Any:
    """OpenAPI 3.0's `nullable` as JSON schema says it."""
    if isinstance(node, list):
        return [without_nullable(item) for item in node]
    if not isinstance(node, dict):
        return node
    found = {key: without_nullable(value) for key, value in node.items() if key != "nullable"}
    return {"anyOf": [{"type": "null"}, found]} if node.get("nullable") is True else found
