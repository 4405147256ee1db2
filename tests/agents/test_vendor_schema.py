import enum
import json
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel, Field
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from ivr_bridge.agents.vendor_schema import UntellableError, vendor_parameters
from ivr_bridge.tools.tool import read_tool

SPEC = Path(__file__).parent.parent.parent.parent / "shared" / "specs" / "elevenlabs-rest.openapi.json"


class Guest(BaseModel):
    name: str
    age: int | None = None


class Chain(BaseModel):
    next: "Chain | None" = None


class Size(enum.Enum):
    SMALL = "small"
    LARGE = "large"


def told(hint: Any, *default: Any) -> dict[str, Any]:
    """What an agent is told of one argument with this type hint."""

    def take(one_argument: hint = default[0] if default else ...) -> str:
        """Take it."""
        return ""

    if not default:
        take.__defaults__ = ()
    parameters = vendor_parameters(read_tool(take).schema()["parameters"])
    assert list(parameters) == ["type", "required", "properties"]
    assert parameters["required"] == ([] if default else ["one_argument"])
    held_against_the_contract(parameters)
    return parameters["properties"]["one_argument"]


def held_against_the_contract(parameters: dict[str, Any]) -> None:
    if not SPEC.is_file():
        return
    spec = json.loads(SPEC.read_text())
    registry = Registry().with_resource("urn:spec", Resource(contents=spec, specification=DRAFT202012))
    schema = {"$ref": "urn:spec#/components/schemas/ObjectJsonSchemaProperty-Input"}
    Draft202012Validator(schema, registry=registry).validate(parameters)


@pytest.mark.parametrize(
    ("hint", "expected"),
    [
        (str, {"type": "string", "description": "one argument"}),
        (int, {"type": "integer", "description": "one argument"}),
        (float, {"type": "number", "description": "one argument"}),
        (bool, {"type": "boolean", "description": "one argument"}),
        (Literal["a", "b"], {"type": "string", "description": "one argument", "enum": ["a", "b"]}),
        (Literal["a"], {"type": "string", "description": "one argument", "enum": ["a"]}),
        (Size, {"type": "string", "description": "one argument", "enum": ["small", "large"]}),
        (Literal[1, 2], {"type": "integer", "description": "one argument (one of 1 2)"}),
        (int | float, {"type": "number", "description": "one argument"}),
        (int | str, {"type": "string", "description": "one argument"}),
        (
            Annotated[int, Field(ge=1, le=20)],
            {"type": "integer", "description": "one argument (at least 1, at most 20)"},
        ),
        (Annotated[str, Field(description="Said.")], {"type": "string", "description": "Said."}),
        (
            list[int],
            {
                "type": "array",
                "description": "one argument",
                "items": {"type": "integer", "description": "one argument"},
            },
        ),
    ],
)
def test_a_type_hint_is_told_in_the_vendors_words(hint: Any, expected: dict[str, Any]) -> None:
    assert told(hint) == expected


def test_null_is_left_out_and_a_default_is_said() -> None:
    assert told(str | None, None) == {"type": "string", "description": "one argument"}
    assert told(int, 2) == {"type": "integer", "description": "one argument (2 if not said)"}
    bounded = told(Annotated[int | None, Field(ge=3)], None)
    assert bounded == {"type": "integer", "description": "one argument (at least 3)"}


def test_objects_are_written_out() -> None:
    guest = told(Guest)
    assert guest["type"] == "object"
    assert guest["required"] == ["name"]
    assert guest["properties"]["age"] == {"type": "integer", "description": "age"}
    guests = told(list[Guest])
    assert guests["items"]["properties"]["name"]["type"] == "string"


@pytest.mark.parametrize("hint", [dict[str, int], dict, Any, Chain, tuple[int, str]])
def test_what_cannot_be_told_is_refused_with_its_name(hint: Any) -> None:
    with pytest.raises(UntellableError, match="one_argument"):
        told(hint)


def test_one_side_of_a_union_is_enough() -> None:
    assert told(dict[str, int] | str)["type"] == "string"
    assert told(dict[str, int] | Guest)["type"] == "object"


def test_a_written_schema() -> None:
    schema = {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "order": {"type": ["string", "null"], "pattern": "^[0-9]+$", "title": "Order"},
            "size": {"enum": ["s", None]},
            "title": {"type": "string"},
        },
        "required": ["order", "gone"],
    }
    parameters = vendor_parameters(schema)
    assert parameters == {
        "type": "object",
        "required": ["order"],
        "properties": {
            "order": {"type": "string", "description": "order (pattern ^[0-9]+$)"},
            "size": {"type": "string", "description": "size", "enum": ["s"]},
            "title": {"type": "string", "description": "title"},
        },
    }
    held_against_the_contract(parameters)


def test_a_reference_to_nowhere_is_refused() -> None:
    with pytest.raises(UntellableError, match="not there"):
        vendor_parameters({"properties": {"x": {"$ref": "#/$defs/gone"}}})
    with pytest.raises(UntellableError, match="points at itself"):
        vendor_parameters({"properties": {"x": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"$ref": "#/$defs/a"}}})
