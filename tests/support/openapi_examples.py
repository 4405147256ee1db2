"""Values made from schemas of the vendor's OpenAPI file: the smallest one, any number of others, documented ones.

The library for this gives up on schemas that refer to themselves, and the vendor's do.
"""

import re
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from tests.support.openapi import resolved

_DEEPEST = 6
"""From here on only what a schema requires."""

_TEXTS = ("", "a", "Hola, ¿qué tal?", "电话", '"quoted"\n', "\u2028", "x" * 300)
_PATTERNED = ("a", "1", "0a")
"""For schemas with a pattern: the first that fits."""
_NUMBERS = (0, 1, -1, 7, 1_790_000_000, 2**53)


def smallest(schema: Mapping[str, Any]) -> Any:
    """Only what is required, each thing the first that fits."""
    return _Maker(None).make(schema, _DEEPEST)


def some(schema: Mapping[str, Any], count: int, seed: int) -> Iterator[Any]:
    """`count` values with and without what is optional, the same for the same seed; the first is the smallest."""
    yield smallest(schema)
    for number in range(1, count):
        yield _Maker(Random(f"{seed}:{number}")).make(schema, 0)


def documented(schema: Mapping[str, Any]) -> list[Any]:
    """The examples that the file itself gives for a schema."""
    schema = resolved(schema)
    return [*schema.get("examples", []), *([schema["example"]] if "example" in schema else [])]


class _Maker:
    """Makes values; without a source of chance the smallest."""

    def __init__(self, random: Random | None) -> None:
        self._random = random

    def make(self, schema: Mapping[str, Any], depth: int) -> Any:
        if schema is True or not schema:
            return self._any()
        schema = resolved(schema)
        for branches in ("anyOf", "oneOf"):
            if branches in schema:
                return self.make(self._branch(schema[branches], depth), depth)
        if "allOf" in schema:
            whole: dict[str, Any] = {}
            for part in schema["allOf"]:
                whole |= self.make(part, depth)
            return whole
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(schema["enum"])
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = self._choice(kind)
        return getattr(self, f"_{kind}", self._any_of)(schema, depth)

    def _branch(self, branches: list[Any], depth: int) -> Any:
        if self._random is None or depth >= _DEEPEST:
            nothing = [branch for branch in branches if branch.get("type") == "null"]
            return nothing[0] if nothing else branches[0]
        return self._choice(branches)

    def _object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        required = set(schema.get("required", ()))
        made = {
            name: self.make(field, depth + 1)
            for name, field in schema.get("properties", {}).items()
            if name in required or "const" in resolved(field) or (depth < _DEEPEST and self._perhaps())
        }
        more = schema.get("additionalProperties")
        if more and (schema.get("minProperties") or (depth < _DEEPEST and self._perhaps())):
            name = self.make(schema.get("propertyNames", {"const": "more"}), depth)
            made[name] = self.make(more, depth + 1)
        if more is None and self._perhaps():
            made["a_field_of_tomorrow"] = {"x": 1}
        return made

    def _array(self, schema: Mapping[str, Any], depth: int) -> list[Any]:
        least = schema.get("minItems", 0)
        most = least if depth >= _DEEPEST else min(schema.get("maxItems", 3), max(least, 2))
        count = self._random.randint(least, most) if self._random else least
        prefix = [self.make(item, depth + 1) for item in schema.get("prefixItems", ())]
        return prefix + [self.make(schema.get("items", {}), depth + 1) for _ in range(count - len(prefix))]

    def _string(self, schema: Mapping[str, Any], _: int) -> str:
        if schema.get("format") == "date-time":
            return "2026-11-22T08:00:00Z"
        text = str(self._choice(_TEXTS))
        text = text.ljust(schema.get("minLength", 0), "a")[: schema.get("maxLength", 300)]
        if (pattern := schema.get("pattern")) and not re.search(pattern, text):
            return next(fitting for fitting in _PATTERNED if re.search(pattern, fitting))
        return text

    def _number(self, schema: Mapping[str, Any], _: int) -> float:
        low = schema.get("minimum", schema.get("exclusiveMinimum", float("-inf")))
        high = schema.get("maximum", schema.get("exclusiveMaximum", float("inf")))
        number = self._choice((*_NUMBERS, 0.5))
        if low < number < high or number in (schema.get("minimum"), schema.get("maximum")):
            return float(number)
        return float((low + high) / 2 if high < float("inf") else low + 1)

    def _integer(self, schema: Mapping[str, Any], _: int) -> int:
        low = schema.get("minimum", schema.get("exclusiveMinimum", -(2**60)) + 1)
        high = schema.get("maximum", schema.get("exclusiveMaximum", 2**60) - 1)
        return int(min(max(self._choice(_NUMBERS), low), high))

    def _boolean(self, _: Mapping[str, Any], __: int) -> bool:
        return bool(self._choice((False, True)))

    def _null(self, _: Mapping[str, Any], __: int) -> None:
        return None

    def _any_of(self, schema: Mapping[str, Any], depth: int) -> Any:
        return self._object(schema, depth) if "properties" in schema else self._any()

    def _any(self) -> Any:
        return self._choice((None, "a", 1, {"x": [1]}, [True]))

    def _choice(self, values: Any) -> Any:
        return self._random.choice(values) if self._random else values[0]

    def _perhaps(self) -> bool:
        return self._random is not None and self._random.random() < 0.6
