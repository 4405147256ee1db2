from typing import Any

import pytest

from ivr_bridge.simulator.service.refusals import Invalid
from ivr_bridge.simulator.service.tool_rest import check_tool
from tests.simulator.service.asker import CLIENT_TOOL, asking

PATH = "/v1/convai/tools"


async def test_create_get_change_delete():
    async with asking() as asker:
        made = await asker.good("POST", PATH, {"tool_config": CLIENT_TOOL})
        one = f"{PATH}/{made['id']}"
        assert made["tool_config"]["response_timeout_secs"] == 20
        assert made["tool_config"]["expects_response"] is False
        assert await asker.good("GET", one) == made
        changed = await asker.good("PATCH", one, {"tool_config": {**CLIENT_TOOL, "name": "other"}})
        assert (changed["id"], changed["tool_config"]["name"]) == (made["id"], "other")
        assert await asker.good("DELETE", one) == {}
        for method in ("GET", "DELETE"):
            assert await asker.refused(method, one) == (404, "tool_not_found")


async def test_a_tool_in_use_goes_by_force_only():
    async with asking() as asker:
        tool_id = (await asker.good("POST", PATH, {"tool_config": CLIENT_TOOL}))["id"]
        config = {"agent": {"prompt": {"tool_ids": [tool_id]}}}
        agent_id = (await asker.good("POST", "/v1/convai/agents/create", {"conversation_config": config}))["agent_id"]
        users = await asker.good("GET", f"{PATH}/{tool_id}/dependent-agents")
        assert [user["id"] for user in users["agents"]] == [agent_id]
        assert await asker.refused("DELETE", f"{PATH}/{tool_id}") == (409, "tool_in_use")
        await asker.good("DELETE", f"{PATH}/{tool_id}?force=true")
        left = await asker.good("GET", f"/v1/convai/agents/{agent_id}")
        assert left["conversation_config"]["agent"]["prompt"]["tool_ids"] == []


async def test_lists():
    async with asking() as asker:
        for name in ("lookup", "look_away", "book"):
            await asker.good("POST", PATH, {"tool_config": {**CLIENT_TOOL, "name": name}})
        webhook = {"type": "webhook", "name": "call", "description": "x", "api_schema": {"url": "https://example.com"}}
        await asker.good("POST", PATH, {"tool_config": webhook})

        async def names(query: str) -> list[str]:
            return [tool["tool_config"]["name"] for tool in (await asker.good("GET", f"{PATH}?{query}"))["tools"]]

        assert await names("") == ["call", "book", "look_away", "lookup"]
        assert await names("search=look&sort_by=name&sort_direction=asc") == ["look_away", "lookup"]
        assert await names("types=webhook") == ["call"]
        assert (await asker.refused("GET", f"{PATH}?sort_by=x"))[0] == 422


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"type": "other"}, "union_tag_invalid"),
        ({"name": 1}, "string_type"),
        ({"type": "webhook"}, "missing"),
        ({"response_timeout_secs": 121}, "less_than_equal"),
        ({"response_timeout_secs": 0}, "less_than_equal"),
        ({"parameters": 1}, "dict_type"),
        ({"parameters": {"properties": {"a": {"type": "null"}}}}, "enum"),
        ({"parameters": {"properties": {"a": {"type": "string"}}}}, "value_error"),
        ({"parameters": {"properties": {"a": {"type": "array"}}}}, "dict_type"),
        (
            {"parameters": {"properties": {"a": {"type": "string", "description": "x", "dynamic_variable": "y"}}}},
            "value_error",
        ),
    ],
)
def test_what_is_no_tool(change: dict[str, Any], kind: str):
    with pytest.raises(Invalid) as invalid:
        check_tool({"tool_config": {**CLIENT_TOOL, **change}})
    assert invalid.value.code == kind


def test_fields_that_are_missing():
    for name in ("type", "name", "description"):
        with pytest.raises(Invalid):
            check_tool({"tool_config": {key: value for key, value in CLIENT_TOOL.items() if key != name}})
    with pytest.raises(Invalid):
        check_tool({})


def test_every_kind_of_value_has_one_source():
    parts: dict[str, Any] = {
        "said": {"type": "string", "description": "x"},
        "fixed": {"type": "integer", "constant_value": 0},
        "known": {"type": "string", "dynamic_variable": "system__caller_id"},
        "many": {"type": "array", "items": {"type": "number", "description": "x"}},
        "deep": {"type": "object", "properties": {"a": {"type": "boolean", "description": "x"}}},
    }
    config = {**CLIENT_TOOL, "parameters": {"type": "object", "properties": parts}}
    assert check_tool({"tool_config": config})["parameters"]["properties"] == parts
