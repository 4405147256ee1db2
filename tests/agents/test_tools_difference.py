import copy
from typing import Any

from ivr_bridge.agents.tools_difference import ToolsDifference, tools_difference
from tests.agents.house import PEOPLE, handler, tools

HANDLERS = (handler("hang_up"), handler("book_table", people=PEOPLE))


def told() -> list[dict[str, Any]]:
    return [copy.deepcopy(dict(tool.config)) for tool in tools()]


def test_of_one_mind() -> None:
    difference = tools_difference(HANDLERS, told(), ["hang_up", "book_table"])
    assert difference == ToolsDifference()
    assert not difference


def test_other_words_are_no_difference() -> None:
    configs = told()
    configs[1]["description"] = "x"
    configs[1]["parameters"]["properties"]["people"]["description"] = "x"
    assert not tools_difference(HANDLERS, configs, [])


def test_a_tool_that_nobody_here_answers() -> None:
    configs = [*told(), {"type": "client", "name": "open_door"}, {"type": "webhook", "name": "crm"}]
    difference = tools_difference(HANDLERS, configs, [])
    assert difference == ToolsDifference(missing_here=("open_door",))
    assert difference


def test_a_handler_that_the_agent_was_not_told_of() -> None:
    assert not tools_difference(HANDLERS, told()[:1], []), "an agent without a file may lack any"
    assert tools_difference(HANDLERS, told()[:1], ["book_table"]) == ToolsDifference(missing_there=("book_table",))
    assert not tools_difference(HANDLERS, told(), ["no_such_handler"]), "`check` tells of it"


def test_other_arguments() -> None:
    configs = told()
    configs[1]["parameters"]["properties"]["people"]["type"] = "string"
    assert tools_difference(HANDLERS, configs, []) == ToolsDifference(differing=("book_table",))


def test_what_cannot_be_told_is_not_compared() -> None:
    odd = handler("book_table", people={"type": "object"})
    assert not tools_difference([odd], [{"type": "client", "name": "book_table"}], [])
