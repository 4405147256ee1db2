"""Answers from the vendor's OpenAPI file, for operations that the sandbox does not do: `x-sandbox: example`.

The file is the operator's; nothing of it is part of this package.
"""

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
from aiohttp import web

from ivr_bridge.errors import ConfigError

_METHODS = ("get", "post", "put", "patch", "delete")
_DEEPEST = 12
HEADER = "x-sandbox"
"""Its value `example` says that an answer comes from the file."""


class Examples:
    """The operations of one file."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._paths = [
            (re.compile(re.sub(r"\\{[^}]*\\}", "[^/]+", re.escape(path))), path.count("{"), operations)
            for path, operations in document["paths"].items()
        ]
        self._paths.sort(key=lambda row: row[1])

    @classmethod
    def read(cls, file: Path) -> "Examples":
        """The file's.

        Raises:
            ConfigError: it is no OpenAPI document in JSON.
        """
        try:
            document = json.loads(file.read_text("utf-8"))
            return cls(document)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"{file}: is no OpenAPI document in JSON: {error!r}") from error

    def answer(self, method: str, path: str) -> web.Response:
        """The first good answer of the operation; 404 or 405 where the file has none."""
        found = [operations for pattern, _, operations in self._paths if pattern.fullmatch(path)]
        if not found:
            return web.json_response({"detail": "Not Found"}, status=404)
        operation = next((one[method.lower()] for one in found if method.lower() in one), None)
        if operation is None or method.lower() not in _METHODS:
            return web.json_response({"detail": "Method Not Allowed"}, status=405)
        good = [(int(code), one) for code, one in operation["responses"].items() if code.startswith("2")]
        status, response = good[0] if good else (200, {})
        headers = {HEADER: "example"}
        content = response.get("content") or {}
        if "application/json" in content:
            return web.json_response(self._example(content["application/json"]), status=status, headers=headers)
        for kind, media in content.items():
            if kind.startswith("text/"):
                return web.Response(text=str(self._example(media)), status=status, content_type=kind, headers=headers)
            return web.Response(body=b"\0", status=status, content_type=kind, headers=headers)
        return web.Response(status=status, headers=headers)

    def _example(self, media: dict[str, Any]) -> Any:
        """The first of the file's own examples that its schema allows, else the smallest value of the schema."""
        schema = media.get("schema") or {}
        whole = {**schema, "components": self._document.get("components") or {}}
        validator = jsonschema.Draft202012Validator(whole)
        candidates = [media[name] for name in ("example",) if name in media]
        candidates += [one["value"] for one in (media.get("examples") or {}).values() if "value" in one]
        candidates += [found for found in (self._resolved(schema).get("example"),) if found is not None]
        smallest = self._value(schema, 0)
        return next((one for one in candidates if validator.is_valid(one)), smallest)

    def _value(self, schema: dict[str, Any], depth: int) -> Any:
        """The smallest value that a schema allows: required fields only, and null where it may be."""
        schema = self._resolved(schema)
        for word in ("const", "default"):
            if word in schema:
                return schema[word]
        if schema.get("enum"):
            return schema["enum"][0]
        options = schema.get("anyOf") or schema.get("oneOf")
        if options:
            null = any(self._resolved(option).get("type") == "null" for option in options)
            return None if null or depth > _DEEPEST else self._value(options[0], depth + 1)
        if schema.get("allOf"):
            parts = [self._value(part, depth + 1) for part in schema["allOf"]]
            return {key: value for part in parts if isinstance(part, dict) for key, value in part.items()}
        return self._plain(schema, depth)

    def _plain(self, schema: dict[str, Any], depth: int) -> Any:
        """A value of a schema without alternatives."""
        kind = schema.get("type", "object" if "properties" in schema else None)
        if kind == "object":
            properties = schema.get("properties") or {}
            value = {
                name: self._value(properties.get(name) or {}, depth + 1)
                for name in schema.get("required") or ()
                if depth <= _DEEPEST
            }
            more = schema.get("additionalProperties")
            for number in range(len(value), int(schema.get("minProperties", 0))):
                value[f"name_{number}"] = self._value(more if isinstance(more, dict) else {}, depth + 1)
            return value
        if kind == "array":
            least = int(schema.get("minItems", 0))
            return [self._value(schema.get("items") or {}, depth + 1) for _ in range(least)]
        if kind in ("integer", "number"):
            return schema.get("minimum", 0)
        if kind == "string":
            return "x" * int(schema.get("minLength", 0)) or "string"
        return False if kind == "boolean" else None

    def _resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        """What a reference stands for."""
        while "$ref" in schema:
            found: Any = self._document
            for part in schema["$ref"].removeprefix("#/").split("/"):
                found = found[part.replace("~1", "/").replace("~0", "~")]
            schema = found
        return schema
