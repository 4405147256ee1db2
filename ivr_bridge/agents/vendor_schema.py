"""A JSON schema of arguments in the few words that the vendor's agents understand.                          pure

The vendor knows literals (with a description, and for text a list of values), objects and lists, and refuses every
other key. What it cannot be told as a rule (a range, a pattern, a default) goes into the description, for the model to
read; where a handler takes more than the vendor can say, the agent is told less, never more.

Source: https://elevenlabs.io/docs/api-reference/tools/create
"""

from collections.abc import Mapping
from typing import Any

_LITERALS = ("string", "integer", "number", "boolean")
_DEEPEST = 8
"""Objects in objects; a schema that holds itself never ends."""


class UntellableError(ValueError):
    """A schema that the vendor cannot be told; the message names the argument and says what to write instead."""


def vendor_parameters(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The `parameters` of a client tool.

    Args:
        schema: of type object, as `Arguments.schema` gives it; may hold `$defs`.

    Returns:
        `type`, `required` and `properties`, and nothing that the vendor would refuse.

    Raises:
        UntellableError: an argument has no counterpart there.
    """
    return _object(schema, schema.get("$defs", {}), "", 0)


def _object(schema: Mapping[str, Any], defs: Mapping[str, Any], place: str, depth: int) -> dict[str, Any]:
    properties = {
        name: _property(inner, defs, f"{place}.{name}" if place else name, depth + 1)
        for name, inner in schema.get("properties", {}).items()
    }
    required = [name for name in schema.get("required", []) if name in properties]
    return {"type": "object", "required": required, "properties": properties}


def _property(schema: Mapping[str, Any], defs: Mapping[str, Any], place: str, depth: int) -> dict[str, Any]:
    if depth > _DEEPEST:
        raise UntellableError(f"{place}: is nested too deep, or holds itself; take plain arguments")
    schema = _followed(schema, defs, place)
    text = _described(schema, place)
    arms = schema.get("anyOf") or schema.get("oneOf")
    if arms:
        return _widest({**_one_arm(arms, defs, place, depth), "description": text})
    kind = _kind(schema)
    if kind == "object" and schema.get("properties"):
        return {**_object(schema, defs, place, depth), "description": text}
    if kind == "array" and isinstance(schema.get("items"), Mapping):
        return {"type": "array", "description": text, "items": _property(schema["items"], defs, place, depth + 1)}
    if kind in _LITERALS:
        values = _values(schema)
        listed = {"enum": list(values)} if values and kind == "string" else {}
        return {"type": kind, "description": text, **listed}
    wanted = "write each field out" if kind == "object" else "use text, a number, a truth value, or a list of them"
    raise UntellableError(f"{place}: an agent cannot be told what {_named(kind)} holds; {wanted}")


def _one_arm(arms: list[Mapping[str, Any]], defs: Mapping[str, Any], place: str, depth: int) -> dict[str, Any]:
    """The first side of a union that can be told, text before all others: a handler takes each of them."""
    told: list[dict[str, Any]] = []
    fault: UntellableError | None = None
    for arm in arms:
        if arm.get("type") == "null":
            continue
        try:
            told.append(_property(arm, defs, place, depth + 1))
        except UntellableError as error:
            fault = fault or error
    if not told:
        raise fault or UntellableError(f"{place}: holds nothing; take the argument away")
    kinds = [each["type"] for each in told]
    if set(kinds) == {"integer", "number"}:
        return told[kinds.index("number")]
    return told[kinds.index("string")] if "string" in kinds else told[0]


def _widest(told: dict[str, Any]) -> dict[str, Any]:
    return {key: told[key] for key in ("type", "description", "enum", "items", "required", "properties") if key in told}


def _followed(schema: Mapping[str, Any], defs: Mapping[str, Any], place: str) -> Mapping[str, Any]:
    """Behind `$ref` and an `allOf` of one; what stands beside them wins."""
    for _ in range(_DEEPEST):
        whole = schema.get("allOf")
        if "$ref" in schema:
            inner = defs.get(str(schema["$ref"]).removeprefix("#/$defs/"))
        elif isinstance(whole, list) and len(whole) == 1:
            inner = whole[0]
        else:
            return schema
        if not isinstance(inner, Mapping):
            raise UntellableError(f"{place}: points at a schema that is not there; write it out")
        schema = {**inner, **{key: value for key, value in schema.items() if key not in ("$ref", "allOf")}}
    raise UntellableError(f"{place}: points at itself; take plain arguments")


def _kind(schema: Mapping[str, Any]) -> str:
    """One type; of a pair with null the other one."""
    kind = schema.get("type")
    if isinstance(kind, list):
        kinds = [each for each in kind if each != "null"]
        return "string" if "string" in kinds else str(kinds[0]) if kinds else ""
    if kind is None:
        values = _values(schema)
        return "string" if values and all(isinstance(value, str) for value in values) else ""
    return str(kind)


def _values(schema: Mapping[str, Any]) -> tuple[Any, ...]:
    if "const" in schema:
        return (schema["const"],)
    return tuple(value for value in schema.get("enum", ()) if value is not None)


def _named(kind: str) -> str:
    return {"object": "an object", "array": "a list", "": "anything"}.get(kind, f"a {kind}")


def _described(schema: Mapping[str, Any], place: str) -> str:
    """What the model reads: never empty, since the vendor refuses an argument that nothing describes."""
    text = str(schema.get("description") or place.rpartition(".")[2].replace("_", " ")).strip()
    rules = _rules(schema)
    return f"{text} ({', '.join(rules)})" if rules else text


def _rules(schema: Mapping[str, Any]) -> list[str]:
    arms = [arm for arm in schema.get("anyOf") or () if isinstance(arm, Mapping) and arm.get("type") != "null"]
    inner = {**(arms[0] if len(arms) == 1 else {}), **schema}
    rules = [f"{words} {inner[key]:g}" for key, words in _BOUNDS.items() if isinstance(inner.get(key), int | float)]
    rules += [f"{words} {inner[key]}" for key, words in _SHAPES.items() if isinstance(inner.get(key), str)]
    values = _values(inner)
    if values and not all(isinstance(value, str) for value in values):
        rules.append("one of " + " ".join(map(str, values)))
    if inner.get("default") not in (None, "", [], {}):
        rules.append(f"{inner['default']} if not said")
    return rules


_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
    "minLength": "characters: at least",
    "maxLength": "characters: at most",
    "minItems": "entries: at least",
    "maxItems": "entries: at most",
}
_SHAPES = {"format": "a", "pattern": "pattern"}
