import asyncio
from typing import Any

import pytest

from ivr_bridge.simulator.service.tool_calls import ToolCalls


class Wire:
    """What was sent; answers each call with the next of `results`, twice, and with one for a call that nobody made."""

    def __init__(self, *results: tuple[str, bool]) -> None:
        self.sent: list[dict[str, Any]] = []
        self.results = list(results)
        self.tools = ToolCalls(self.send, "conv_123456", 0.1)

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        if message["type"] == "client_tool_call" and self.results:
            result, is_error = self.results.pop(0)
            call_id = message["client_tool_call"]["tool_call_id"]
            for tool_call_id in ("stranger", call_id, call_id):
                self.tools.answered({"tool_call_id": tool_call_id, "result": result, "is_error": is_error})


@pytest.mark.parametrize("given", [("42", False), ("no", True)])
async def test_a_result(given: tuple[str, bool]):
    wire = Wire(given)
    assert await wire.tools.call("menu", {"a": 1}, 7) == given
    call, response = wire.sent
    assert call["client_tool_call"] == {
        "tool_name": "menu",
        "tool_call_id": "call_123456_1",
        "parameters": {"a": 1},
        "event_id": 7,
    }
    told = response["agent_tool_response"]
    assert (told["tool_call_id"], told["tool_type"], told["is_error"]) == ("call_123456_1", "client", given[1])


async def test_no_result_is_an_error():
    assert await Wire().tools.call("menu", {}, 1) == ("timed out", True)


async def test_a_call_that_is_given_up_waits_for_nothing():
    wire = Wire()
    call = asyncio.create_task(wire.tools.call("menu", {}, 1))
    await asyncio.sleep(0)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert not wire.tools._waiting


async def test_each_call_has_an_id_of_its_own():
    wire = Wire()
    await wire.tools.storm(5, 1)
    await wire.tools.tell_system_tool("end_call", 1)
    ids = [message["client_tool_call"]["tool_call_id"] for message in wire.sent[:5]]
    response = wire.sent[5]["agent_tool_response"]
    assert len({*ids, response["tool_call_id"]}) == 6
    assert (response["tool_name"], response["tool_type"], response["is_error"]) == ("end_call", "system", False)


async def test_calls_are_found_by_their_tools_name():
    wire = Wire()
    calls = [asyncio.create_task(wire.tools.call(name, {}, 1)) for name in ("a", "b")]
    await asyncio.sleep(0)
    assert [wire.tools.id_of(name) for name in ("b", "a", "", "c")] == [
        "call_123456_2",
        "call_123456_1",
        "call_123456_1",
        "",
    ]
    assert wire.tools.last_id == "call_123456_2"
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    assert wire.tools.id_of("") == ""
