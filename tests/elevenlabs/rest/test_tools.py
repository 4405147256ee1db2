"""Tools: which requests are made."""

from ivr_bridge.elevenlabs.rest.request import Repeat
from ivr_bridge.elevenlabs.rest.tools import Tool, Tools
from tests.support.vendor_answers import VendorAnswers

CONFIG = {"type": "client", "name": "look_up", "description": "Looks up.", "expects_response": True}
TOOL = {"id": "t1", "tool_config": CONFIG, "access_info": {}, "usage_stats": {}}


async def test_a_tool_is_made_changed_read_and_deleted():
    vendor = VendorAnswers(TOOL)
    tools = Tools(vendor.transport)
    made = await tools.create(CONFIG)
    assert (made.id, made.name, made.type, made.tool_config) == ("t1", "look_up", "client", CONFIG)
    await tools.update("t/1", CONFIG)
    await tools.get("t/1")
    await tools.delete("t/1")
    await tools.delete("t/1", force=True)
    assert vendor.asked == [
        ("POST /v1/convai/tools", {}),
        ("PATCH /v1/convai/tools/t%2F1", {}),
        ("GET /v1/convai/tools/t%2F1", {}),
        ("DELETE /v1/convai/tools/t%2F1", {}),
        ("DELETE /v1/convai/tools/t%2F1", {"force": True}),
    ]
    assert vendor.bodies == [{"tool_config": CONFIG}, {"tool_config": CONFIG}, None, None, None]
    assert [request.repeat for request in vendor.requests] == [Repeat.UNSENT, *[Repeat.SAFE] * 4]


async def test_lists():
    vendor = VendorAnswers({"tools": [TOOL], "next_cursor": "c", "has_more": True}, {"tools": [], "has_more": False})
    assert [tool.id async for tool in Tools(vendor.transport).list(search="look", types=["client"])] == ["t1"]
    query = {"page_size": 100, "search": "look", "types": ["client"]}
    assert vendor.asked == [("GET /v1/convai/tools", query), ("GET /v1/convai/tools", {**query, "cursor": "c"})]
    vendor = VendorAnswers({"agents": [{"id": "a"}], "has_more": False})
    assert [agent.id async for agent in Tools(vendor.transport).dependent_agents("t1")] == ["a"]
    assert vendor.asked == [("GET /v1/convai/tools/t1/dependent-agents", {"page_size": 100})]


def test_a_tool_without_a_name_has_an_empty_one():
    tool = Tool(id="t", tool_config={"name": None, "type": 3})
    assert (tool.name, tool.type) == ("", "")
