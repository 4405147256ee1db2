"""What the vendor's OpenAPI file allows; it lies beside the checkout and is not part of it."""

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

REST = Path(__file__).resolve().parents[3] / "shared" / "specs" / "elevenlabs-rest.openapi.json"
_BASE = "urn:rest"
_METHODS = ("get", "post", "put", "patch", "delete")


@cache
def rest_spec() -> dict[str, Any]:
    """The OpenAPI document; without it the test fails where CI=true, and is skipped elsewhere."""
    if not REST.exists():
        if os.environ.get("CI") == "true":
            pytest.fail("the vendor's OpenAPI file is missing: no request was validated")
        pytest.skip("the vendor's OpenAPI file is missing: no request was validated")
    document: dict[str, Any] = json.loads(REST.read_text("utf-8"))
    return document


@cache
def _registry() -> Registry[Any]:
    return Registry().with_resource(_BASE, Resource(rest_spec(), DRAFT202012))


def validator_for(schema: Mapping[str, Any]) -> jsonschema.Draft202012Validator:
    """The validator of a schema of the file, with its references."""
    return jsonschema.Draft202012Validator(_based(schema), registry=_registry())


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a schema refers to; itself when it refers to nothing."""
    while "$ref" in schema:
        schema = rest_spec()["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


@dataclass(frozen=True)
class Operation:
    """One method of one path of the file."""

    method: str
    template: str
    spec: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.method} {self.template}"

    def body_schema(self, content_type: str) -> Mapping[str, Any] | None:
        return (self.spec.get("requestBody") or {}).get("content", {}).get(content_type, {}).get("schema")

    @property
    def answer(self) -> tuple[str, Mapping[str, Any]]:
        """Content type and schema of the success; both empty when it has no body."""
        for status, response in self.spec["responses"].items():
            if status.startswith("2"):
                for content_type, content in response.get("content", {}).items():
                    return content_type, content.get("schema", {})
        return "", {}


@cache
def operations() -> tuple[Operation, ...]:
    return tuple(
        Operation(method.upper(), template, spec)
        for template, methods in rest_spec()["paths"].items()
        for method, spec in methods.items()
        if method in _METHODS
    )


def operation_of(method: str, path: str) -> Operation | None:
    """The operation that a request asks for; a literal segment counts more than a parameter."""
    found = [o for o in operations() if o.method == method and _pattern(o.template).fullmatch(path)]
    return min(found, key=lambda o: o.template.count("{"), default=None)


def problems_of(
    method: str,
    path: str,
    query: Sequence[tuple[str, str]],
    body: Any = None,
    parts: Mapping[str, tuple[str | None, bytes]] | None = None,
) -> list[str]:
    """What is wrong with a request by the file; empty when it is right. An unknown field is a problem.

    `parts` are those of a multipart body: name -> file name (None: a text) and content.
    """
    operation = operation_of(method, path)
    if operation is None:
        return [f"{method} {path}: not in the file"]
    problems = list(_query_problems(operation, query))
    if parts is not None:
        problems += _parts_problems(operation, parts)
    else:
        problems += _body_problems(operation, body)
    return [f"{operation}: {problem}" for problem in problems]


def _query_problems(operation: Operation, query: Sequence[tuple[str, str]]) -> Iterator[str]:
    known = {p["name"]: p for p in operation.spec.get("parameters", []) if p["in"] == "query"}
    given = {name: [value for other, value in query if other == name] for name, _ in query}
    for name, values in given.items():
        if name not in known:
            yield f"query {name}: not known"
            continue
        validator = validator_for(known[name]["schema"])
        readings = [_read(value) for value in values]
        candidates: list[Any] = [values, readings]
        if len(values) == 1:
            candidates += [values[0], readings[0]]
        if not any(validator.is_valid(candidate) for candidate in candidates):
            yield f"query {name}={values}: not allowed"
    for name, parameter in known.items():
        if parameter.get("required") and name not in given:
            yield f"query {name}: missing"


def _body_problems(operation: Operation, body: Any) -> Iterator[str]:
    schema = operation.body_schema("application/json")
    if schema is None:
        if body is not None:
            yield "a JSON body that is not wanted"
        return
    if body is None:
        if operation.spec["requestBody"].get("required"):
            yield "no JSON body"
        return
    for error in validator_for(schema).iter_errors(body):
        yield f"{error.json_path}: {error.message[:200]}"
    yield from unknown_fields(schema, body)


def _parts_problems(operation: Operation, parts: Mapping[str, tuple[str | None, bytes]]) -> Iterator[str]:
    schema = operation.body_schema("multipart/form-data")
    if schema is None:
        yield "a multipart body that is not wanted"
        return
    form = resolved(schema)
    for name, (filename, content) in parts.items():
        part = form["properties"].get(name)
        if part is None:
            yield f"part {name}: not known"
        elif part.get("format") == "binary":
            if not filename:
                yield f"part {name}: a file without a name"
        elif filename or not validator_for(part).is_valid(content.decode()):
            yield f"part {name}: not allowed"
    for name in form.get("required", []):
        if name not in parts:
            yield f"part {name}: missing"


def unknown_fields(schema: Mapping[str, Any], value: Any, place: str = "$") -> list[str]:
    """Fields that the schema does not name: it would let them pass, and the vendor would not see them."""
    schema = resolved(schema)
    for branches in ("anyOf", "oneOf", "allOf"):
        if branches in schema:
            fitting = [b for b in schema[branches] if validator_for(b).is_valid(value)]
            return min((unknown_fields(b, value, place) for b in fitting), key=len, default=[])
    if isinstance(value, list):
        items = schema.get("items", {})
        return [p for at, item in enumerate(value) for p in unknown_fields(items, item, f"{place}[{at}]")]
    if not isinstance(value, dict) or "properties" not in schema:
        return []
    problems: list[str] = []
    for name, field in value.items():
        if name in schema["properties"]:
            problems += unknown_fields(schema["properties"][name], field, f"{place}.{name}")
        elif not schema.get("additionalProperties"):
            problems.append(f"{place}.{name}: not known")
    return problems


@cache
def _pattern(template: str) -> re.Pattern[str]:
    parts = re.split(r"\{[^}]*\}", template)
    return re.compile("[^/]+".join(re.escape(part) for part in parts))


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return unquote(text)


def _based(schema: Any) -> Any:
    """The same schema with references that find the file."""
    if isinstance(schema, list):
        return [_based(entry) for entry in schema]
    if isinstance(schema, Mapping):
        return {
            key: _BASE + value if key == "$ref" and isinstance(value, str) else _based(value)
            for key, value in schema.items()
        }
    return schema
