"""What a conversation takes from the agent's document."""

from typing import Any

from tests.simulator.service.asker import Asker, asking
from tests.simulator.service.caller import QUIET, dialled, said

ULAW = {
    "asr": {"user_input_audio_format": "ulaw_8000"},
    "tts": {"agent_output_audio_format": "ulaw_8000", "model_id": "eleven_flash_v2_5"},
}
EVENTS = ["audio", "agent_response", "user_transcript", "agent_response_complete", "client_tool_call"]
OVERRIDES = {"overrides": {"conversation_config_override": {"agent": {"first_message": True}}}}


async def made(asker: Asker, agent: dict[str, Any] | None = None, **conversation: Any) -> str:
    config = {**ULAW, "agent": agent or {}, "conversation": {"client_events": EVENTS, **conversation}}
    body = {"conversation_config": config, "platform_settings": OVERRIDES}
    return str((await asker.good("POST", "/v1/convai/agents/create", body))["agent_id"])


async def test_only_the_events_that_are_set_are_sent():
    async with asking() as asker, dialled(asker.server, await made(asker, {"first_message": "Good day."})) as caller:
        await caller.begin()
        await caller.until("agent_response_complete")
        assert caller.kinds() == [
            "conversation_initiation_metadata",
            "agent_response",
            "audio",
            "agent_response_complete",
        ]
        assert not any(message["type"] == "ping" for message in caller.seen)


async def test_without_the_event_nobody_interrupts():
    agent = {"first_message": "Good day. " * 6}
    async with asking() as asker:
        async with dialled(asker.server, await made(asker, agent)) as caller:
            await caller.begin()
            await caller.until("audio")
            await caller.say(said("is there parking"))
            await caller.until("user_transcript")
            assert "interruption" not in caller.kinds()
        turns = (await asker.finished())["transcript"]
        assert [(turn["role"], turn["interrupted"]) for turn in turns[:2]] == [("agent", False), ("user", False)]


async def test_an_agent_calls_only_the_tools_that_it_has():
    async with asking() as asker:
        agent_id = await made(asker)
        async with dialled(asker.server, agent_id) as caller:
            await caller.begin(**QUIET)
            await caller.send(type="user_message", text="what is my number")
            await caller.until("agent_response_complete")
            assert "client_tool_call" not in caller.kinds()
        tool = {"type": "client", "name": "get_call_info", "description": "Who is calling."}
        tool_id = (await asker.good("POST", "/v1/convai/tools", {"tool_config": tool}))["id"]
        change = {"conversation_config": {"agent": {"prompt": {"tool_ids": [tool_id]}}}}
        await asker.good("PATCH", f"/v1/convai/agents/{agent_id}", change)
        async with dialled(asker.server, agent_id) as caller:
            await caller.begin(**QUIET)
            await caller.send(type="user_message", text="what is my number")
            called = (await caller.until("client_tool_call"))["client_tool_call"]
            assert called["tool_name"] == "get_call_info"


async def test_a_conversation_has_an_end():
    async with asking() as asker, dialled(asker.server, await made(asker, max_duration_seconds=0)) as caller:
        await caller.begin(**QUIET)
        assert await caller.rest() == 1000
        assert caller.seen[-1]["error_event"]["error_type"] == "max_duration_exceeded"


async def test_an_interrupted_turn_is_kept_as_it_was_heard():
    async with asking() as asker:
        async with dialled(asker.server) as caller:
            await caller.begin()
            await caller.until("audio")
            await caller.say(said("is there parking"))
            correction = (await caller.until("agent_response_correction"))["agent_response_correction_event"]
            await caller.until("agent_response")
        document = await asker.finished()
    first = document["transcript"][0]
    assert (first["message"], first["interrupted"]) == (correction["corrected_agent_response"], True)
    assert first["original_message"] == correction["original_agent_response"]
    assert document["transcript"][1]["source_medium"] == "audio"
