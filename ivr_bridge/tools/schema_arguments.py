"""Arguments that a JSON schema describes, for a tool without Python."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError
from referencing import Registry

from ivr_bridge.tools.tool import bad_arguments

_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.[0-9]{1,18})?")


@dataclass(frozen=True, slots=True)
class SchemaArguments:
    """Arguments as `parameters` describes them: a schema that `check_parameters` has accepted.

    Source: https://json-schema.org/draft/2020-12
    """

    parameters: Mapping[str, Any]

    def schema(self) -> dict[str, Any]:
        """The schema, with `properties` and `required` even where they are empty."""
        return {"type": "object", "properties": {}, "required": [], **self.parameters}

    def read(self, parameters: Mapping[str, object]) -> dict[str, object]:
        """The values by name; a `default` stands in for what did not come, and what the schema does not know goes out.

        Numbers in text and text in numbers are accepted where they fit, as with a Python tool.

        Raises:
            BadArguments: one is missing or does not fit.
        """
        schema = self.schema()
        values = {name: inner["default"] for name, inner in schema["properties"].items() if "default" in inner}
        for name, inner in schema["properties"].items():
            if name in parameters:
                values[name] = _as_declared(parameters[name], inner.get("type"))
        # An empty registry: nothing is ever fetched for a schema.
        faults = list(Draft202012Validator(schema, registry=Registry()).iter_errors(values))
        if faults:
            raise bad_arguments(name for fault in faults for name in _named(fault, values))
        return values


def check_parameters(parameters: Mapping[str, Any]) -> None:
    """Accept a schema for `SchemaArguments`.

    Raises:
        ValueError: it is no JSON schema, or not of an object whose `properties` are written out; the message says
            what to change.
    """
    try:
        Draft202012Validator.check_schema(parameters)
    except SchemaError as error:
        place = ".".join(str(part) for part in error.absolute_path)
        raise ValueError(f"{place + ': ' if place else ''}is no JSON schema: {error.message}") from error
    if parameters.get("type", "object") != "object":
        raise ValueError("needs `type: object`: a tool takes its arguments by name")
    properties = parameters.get("properties", {})
    bare = [name for name, inner in properties.items() if not isinstance(inner, Mapping)]
    if bare:
        raise ValueError(f"properties.{bare[0]}: needs a schema, such as `{{type: string}}`")
    unknown = [name for name in parameters.get("required", []) if name not in properties]
    if unknown:
        raise ValueError(f"required: {', '.join(unknown)} is not among the properties")
    if _refers(parameters):
        raise ValueError("write the schema out: `$ref` is not followed")


def _refers(schema: object) -> bool:
    if isinstance(schema, Mapping):
        return bool({"$ref", "$dynamicRef"} & schema.keys()) or any(map(_refers, schema.values()))
    return isinstance(schema, list) and any(map(_refers, schema))


def _named(fault: ValidationError, values: Mapping[str, object]) -> list[str]:
    """The arguments that a fault is about."""
    if fault.absolute_path:
        return [str(fault.absolute_path[0])]
    if fault.validator == "required" and isinstance(fault.validator_value, list):
        return [str(name) for name in fault.validator_value if name not in values]
    return []


def _as_declared(value: object, declared: object) -> object:
    """The same value in the type that the schema wants, where a model mixed up numbers and text."""
    if declared == "string" and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return value
    if declared == "integer" and _INTEGER.fullmatch(value):
        return int(value)
    if declared == "number" and _NUMBER.fullmatch(value):
        return float(value)
    if declared == "boolean":
        return {"true": True, "false": False}.get(value.lower(), value)
    return value
