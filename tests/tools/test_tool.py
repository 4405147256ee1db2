from collections.abc import Callable
from enum import Enum
from typing import Annotated, Literal, Optional

import jsonschema
import pytest
from pydantic import Field

from ivr_bridge.errors import ConfigError
from ivr_bridge.tools.context import CallControl
from ivr_bridge.tools.tool import BadArguments, read_docstring, read_tool
from tests.tools.fakes import Control


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


async def order(
    call: CallControl,
    people: Annotated[int, Field(ge=1, le=20)],
    day: Literal["friday", "saturday"],
    title: str = "",
    size: Size = Size.SMALL,
    extras: list[str] | None = None,
) -> str:
    """Order a meal
    for many.

    Second paragraph.

    Args:
        people: how many,
            at most 20.
        day (str): when: a day.
        title: what the party is called.

    Returns:
        nothing: of interest.
    """
    return f"{call.call_sid} {people} {day} {title} {size} {extras}"


def test_schema_from_type_hints_and_docstring() -> None:
    schema = read_tool(order).schema()

    assert schema["name"] == "order"
    assert schema["description"] == "Order a meal for many.\nSecond paragraph."
    parameters = schema["parameters"]
    assert parameters["type"] == "object"
    assert list(parameters["properties"]) == ["people", "day", "title", "size", "extras"]
    assert parameters["required"] == ["people", "day"]
    assert parameters["properties"]["people"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 20,
        "description": "how many, at most 20.",
    }
    assert parameters["properties"]["day"]["enum"] == ["friday", "saturday"]
    assert parameters["properties"]["day"]["description"] == "when: a day."
    assert parameters["properties"]["title"] == {
        "type": "string",
        "default": "",
        "description": "what the party is called.",
    }
    assert parameters["$defs"]["Size"]["enum"] == ["small", "large"]
    assert "title" not in parameters
    assert "argument_" not in str(schema)
    assert "Control" not in str(schema)


def test_the_schema_accepts_what_bind_accepts() -> None:
    tool = read_tool(order)
    schema = tool.schema()["parameters"]
    good = {"people": 2, "day": "friday", "size": "large", "extras": ["wine"]}
    jsonschema.validate(good, schema)
    bound = tool.bind(good, Control())
    assert bound["people"] == 2
    assert bound["size"] is Size.LARGE
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"people": 21, "day": "friday"}, schema)
    with pytest.raises(BadArguments):
        tool.bind({"people": 21, "day": "friday"}, Control())


def test_bind_fills_control_and_defaults_and_takes_numbers_as_text() -> None:
    control = Control()
    bound = read_tool(order).bind({"people": "4", "day": "friday", "title": 7, "unknown": 1}, control)
    assert bound == {
        "call": control,
        "people": 4,
        "day": "friday",
        "title": "7",
        "size": Size.SMALL,
        "extras": None,
    }


def test_an_agent_cannot_give_the_control() -> None:
    control = Control()
    assert read_tool(order).bind({"people": 1, "day": "friday", "call": "CA9"}, control)["call"] is control


def test_wrong_arguments_are_named_without_their_values() -> None:
    with pytest.raises(BadArguments) as raised:
        read_tool(order).bind({"people": "secret", "day": "friday"}, Control())
    assert str(raised.value) == "I still need a valid value for: people."
    with pytest.raises(BadArguments, match="people, day"):
        read_tool(order).bind({}, Control())


def test_names_that_a_model_reserves_are_ordinary_arguments() -> None:
    def odd(model_config: str, schema: int, copy: bool, self: str) -> None:
        """Odd."""

    arguments = {"model_config": "a", "schema": 1, "copy": True, "self": "b"}
    tool = read_tool(odd)
    assert tool.bind(arguments, Control()) == arguments
    assert list(tool.schema()["parameters"]["properties"]) == list(arguments)


def test_a_property_named_title_or_description_stays() -> None:
    def label(title: str, description: str) -> None:
        """Label."""

    parameters = read_tool(label).schema()["parameters"]
    assert parameters["properties"] == {"title": {"type": "string"}, "description": {"type": "string"}}


def test_no_arguments() -> None:
    def nothing() -> None:
        """Nothing."""

    assert read_tool(nothing).schema()["parameters"] == {"type": "object", "properties": {}, "required": []}
    assert not read_tool(nothing).is_async
    assert read_tool(order).is_async


def no_hint(a, b: int) -> None:  # type: ignore[no-untyped-def]
    """X."""


def many(*names: str) -> None:
    """X."""


def anything(**names: str) -> None:
    """X."""


def unknown_hint(a: "Nowhere") -> None:  # type: ignore[name-defined]  # noqa: F821
    """X."""


def no_schema(a: Callable[[], int]) -> None:
    """X."""


def arbitrary(a: Control) -> None:
    """X."""


def silent(a: int) -> None: ...


def field_default(a: int = Field(3)) -> None:
    """X."""


@pytest.mark.parametrize(
    ("function", "what"),
    [
        (no_hint, "parameter 'a' needs a type hint"),
        (many, "parameter 'names' cannot be given by keyword"),
        (anything, "parameter 'names' cannot be given by keyword"),
        (unknown_hint, "'Nowhere' is not defined"),
        (no_schema, "no JSON schema"),
        (arbitrary, "no JSON schema"),
        (silent, "needs a docstring"),
        (field_default, "write Annotated"),
    ],
)
def test_what_cannot_be_a_tool(function: Callable[..., object], what: str) -> None:
    with pytest.raises(ConfigError, match=what) as raised:
        read_tool(function)
    assert function.__name__ in str(raised.value)


def test_name_and_description_are_given() -> None:
    tool = read_tool(silent, name="book-it", description="Books.")
    assert tool.schema()["name"] == "book-it"
    assert tool.schema()["description"] == "Books."
    with pytest.raises(ConfigError, match="1 to 64"):
        read_tool(order, name="book it")


def test_optional_of_the_old_spelling() -> None:
    def old(day: Optional[str] = None) -> None:  # noqa: UP045
        """Old."""

    assert read_tool(old).bind({"day": None}, Control()) == {"day": None}


def test_docstring_without_sections() -> None:
    assert read_docstring("One line.") == ("One line.", {})
    assert read_docstring("") == ("", {})


def test_a_description_in_the_type_hint_stays_where_the_docstring_has_none() -> None:
    def hinted(a: Annotated[int, Field(description="how many")]) -> None:
        """Hinted."""

    assert read_tool(hinted).schema()["parameters"]["properties"]["a"]["description"] == "how many"
