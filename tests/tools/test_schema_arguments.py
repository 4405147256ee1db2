from typing import Any

import pytest

from ivr_bridge.tools.schema_arguments import SchemaArguments, check_parameters
from ivr_bridge.tools.tool import BadArguments

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "order_number": {"type": "string", "pattern": "^[0-9]{1,10}$"},
        "people": {"type": "integer", "minimum": 1, "maximum": 20},
        "price": {"type": "number"},
        "gift": {"type": "boolean", "default": False},
        "dishes": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["order_number"],
    "additionalProperties": False,
}
ARGUMENTS = SchemaArguments(PARAMETERS)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"order_number": "1234"}, {"order_number": "1234", "gift": False}),
        ({"order_number": 1234, "people": "4"}, {"order_number": "1234", "people": 4, "gift": False}),
        ({"order_number": "1", "price": "-2.50", "gift": "True"}, {"order_number": "1", "price": -2.5, "gift": True}),
        ({"order_number": "1", "dishes": ["a"], "vendor": 1}, {"order_number": "1", "dishes": ["a"], "gift": False}),
    ],
)  # fmt: skip
def test_what_fits(sent: dict[str, object], read: dict[str, object]) -> None:
    assert ARGUMENTS.read(sent) == read


@pytest.mark.parametrize(
    ("sent", "names"),
    [
        ({}, "order number"),
        ({"order_number": "secret"}, "order number"),
        ({"order_number": "1234", "people": 21}, "people"),
        ({"order_number": "1234", "people": "four"}, "people"),
        ({"order_number": "1234", "people": "9" * 5000}, "people"),
        ({"order_number": "1234", "price": "nan"}, "price"),
        ({"order_number": True}, "order number"),
        ({"people": 0, "dishes": [1]}, "order number|people|dishes"),
    ],
)
def test_wrong_arguments_are_named_without_their_values(sent: dict[str, object], names: str) -> None:
    with pytest.raises(BadArguments) as raised:
        ARGUMENTS.read(sent)
    said = str(raised.value).removeprefix("I still need a valid value for: ").removesuffix(".")
    assert set(said.split(", ")) == set(names.split("|"))


def test_the_schema_is_complete() -> None:
    assert SchemaArguments({}).schema() == {"type": "object", "properties": {}, "required": []}
    assert SchemaArguments({}).read({"anything": 1}) == {}
    assert ARGUMENTS.schema() == PARAMETERS


@pytest.mark.parametrize(
    ("parameters", "what"),
    [
        ({"type": "objekt"}, "type: is no JSON schema: 'objekt'"),
        ({"properties": {"a": {"type": "text"}}}, "properties.a.type: is no JSON schema: "),
        ({"type": "array"}, "needs `type: object`"),
        ({"properties": {"a": True}}, "properties.a: needs a schema"),
        ({"required": ["b"], "properties": {}}, "required: b is not among"),
        ({"properties": {"a": {"$ref": "http://127.0.0.1/x"}}}, "write the schema out"),
        ({"properties": {"a": {"anyOf": [{"$ref": "#/x"}]}}}, "write the schema out"),
    ],
)
def test_a_schema_that_is_none(parameters: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=r"schema|object|required") as raised:
        check_parameters(parameters)
    assert what in str(raised.value)
