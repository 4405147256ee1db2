import copy
import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from ivr_bridge.agents.handlers import registered
from ivr_bridge.agents.marks import read_tool_mark
from ivr_bridge.agents.tool_config import response_timeout_s, same_parameters, same_tool, wanted_tool
from ivr_bridge.tools.registry import ToolRegistry
from tests.agents.house import PEOPLE, handler

SPEC = Path(__file__).parent.parent.parent.parent / "shared" / "specs" / "elevenlabs-rest.openapi.json"

BOOK = handler("book_table", people=PEOPLE).schema


def test_a_tool_is_a_client_tool_that_waits_for_our_answer() -> None:
    tool = wanted_tool(BOOK, 15)
    assert tool.name == "book_table"
    assert tool.config["type"] == "client"
    assert tool.config["expects_response"] is True
    assert tool.config["response_timeout_secs"] == 20
    assert tool.config["parameters"]["properties"] == {"people": PEOPLE}
    assert read_tool_mark(tool.config) == tool.mark


@pytest.mark.parametrize(("ours_s", "theirs_s"), [(1, 6), (0.5, 6), (15, 20), (114.2, 120), (120, 120)])
def test_an_agent_waits_longer_than_we_do(ours_s: float, theirs_s: int) -> None:
    assert response_timeout_s(ours_s) == theirs_s


def test_the_mark_changes_with_everything_that_the_vendor_keeps() -> None:
    marks = {
        wanted_tool(BOOK, 15).mark,
        wanted_tool(BOOK, 30).mark,
        wanted_tool({**BOOK, "description": "Other."}, 15).mark,
        wanted_tool(handler("book_table").schema, 15).mark,
    }
    assert len(marks) == 4
    assert wanted_tool(copy.deepcopy(BOOK), 15).mark == wanted_tool(BOOK, 15).mark


def test_what_the_vendor_adds_is_no_difference() -> None:
    tool = wanted_tool(BOOK, 15)
    found: dict[str, Any] = copy.deepcopy(dict(tool.config))
    found["execution_mode"] = "immediate"
    found["parameters"]["description"] = ""
    found["parameters"]["properties"]["people"] |= {"is_omitted": False, "constant_value": "", "enum": None}
    assert same_tool(tool.config, found)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (("description",), "Other."),
        (("response_timeout_secs",), 3),
        (("expects_response",), False),
        (("parameters",), None),
        (("parameters", "required"), []),
        (("parameters", "properties", "people", "type"), "string"),
        (("parameters", "properties", "people", "description"), "other"),
        (("parameters", "properties", "more"), {"type": "string"}),
    ],
)
def test_what_somebody_changed_is_a_difference(place: tuple[str, ...], value: Any) -> None:
    tool = wanted_tool(BOOK, 15)
    found: Any = copy.deepcopy(dict(tool.config))
    inner = found
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    assert not same_tool(tool.config, found)


def test_arguments_are_compared_with_or_without_their_words() -> None:
    one = {"type": "object", "required": ["a"], "properties": {"a": {"type": "string", "description": "x"}}}
    other = {"required": ["a"], "properties": {"a": {"type": ["null", "string"], "description": "y"}}}
    assert same_parameters(one, other)
    assert not same_parameters(one, other, words_too=True)
    assert same_parameters(None, {"type": "object", "properties": {}})
    lists = [{"type": "array", "items": {"type": kind}} for kind in ("string", "integer")]
    assert same_parameters(lists[0], lists[0])
    assert not same_parameters(*lists)
    assert not same_parameters({"type": "string", "enum": ["a"]}, {"type": "string", "enum": ["b"]})


def test_every_tool_of_ours_is_what_the_contract_says() -> None:
    if not SPEC.is_file():
        pytest.skip("the vendor's OpenAPI file is not beside the project")
    contents = json.loads(SPEC.read_text())
    registry = Registry().with_resource("urn:spec", Resource(contents=contents, specification=DRAFT202012))
    validator = Draft202012Validator({"$ref": "urn:spec#/components/schemas/ToolRequestModel"}, registry=registry)
    for each in registered(ToolRegistry.from_module("ivr_bridge.tools.demo")):
        validator.validate({"tool_config": wanted_tool(each.schema, 15).config})
    with pytest.raises(Exception, match="not valid"):
        validator.validate({"tool_config": {**wanted_tool(BOOK, 15).config, "response_timeout_secs": 500}})
