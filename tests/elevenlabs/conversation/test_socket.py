import asyncio
import json
from typing import Any

import pytest
from aiohttp import web

from ivr_bridge.elevenlabs.conversation.events import (
    AgentAudio,
    AgentEvent,
    ConversationClosed,
    ConversationStarted,
    Interrupted,
    NotedEvent,
    Pinged,
    UnknownMessage,
    VendorFaulted,
)
from ivr_bridge.elevenlabs.conversation.socket import SOURCE_INFO, AgentConversation
from tests.support.vendor_server import METADATA, Vendor, frame, raw_server, read_frame, upgrade, vendor_server

INITIATION = {"type": "conversation_initiation_client_data", "source_info": SOURCE_INFO}


def _audio(event_id: int = 2) -> dict[str, Any]:
    return {"type": "audio", "audio_event": {"audio_base_64": "AAAA", "event_id": event_id}}


def _ping(event_id: int) -> dict[str, Any]:
    return {"type": "ping", "ping_event": {"event_id": event_id}}


async def _listen(vendor: Vendor, ws: web.WebSocketResponse) -> None:
    await vendor.begin(ws)
    await vendor.read_all(ws)


async def _until_closed(conversation: AgentConversation) -> list[AgentEvent]:
    events: list[AgentEvent] = []
    while not events or not isinstance(events[-1], ConversationClosed):
        events += await conversation.receive()
    return events


async def test_the_initiation_is_first_and_the_formats_are_known_when_it_opens():
    async with vendor_server(_listen) as vendor:
        conversation = await AgentConversation.open(
            url=vendor.ws_url,
            overrides={"agent": {"language": "es"}},
            dynamic_variables={"caller": "+15550100001"},
            user_id="u1",
        )
        assert conversation.conversation_id == "conv_1"
        assert (str(conversation.input_format), str(conversation.output_format)) == ("ulaw_8000", "ulaw_8000")
        assert conversation.opened_at <= asyncio.get_running_loop().time()
        assert conversation.send_audio("/////w==")
        (started,) = await conversation.receive()
        assert isinstance(started, ConversationStarted)
        await conversation.close("caller hung up")
        assert vendor.received == [
            INITIATION
            | {
                "conversation_config_override": {"agent": {"language": "es"}},
                "dynamic_variables": {"caller": "+15550100001"},
                "user_id": "u1",
            },
            {"user_audio_chunk": "/////w=="},
        ]
        assert vendor.close_code == 1000


async def test_events_before_the_metadata_are_kept_in_order():
    async def talks_early(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.read(ws)
        await ws.send_json(_ping(1))
        await ws.send_json(_audio(1))
        await asyncio.sleep(0.05)
        await ws.send_json(METADATA)
        await ws.send_json(_audio(2))
        await vendor.read_all(ws)

    async with vendor_server(talks_early) as vendor:
        conversation = await AgentConversation.open(url=vendor.ws_url)
        events: list[AgentEvent] = []
        while len(events) < 4:
            events += await conversation.receive()
        assert [type(event) for event in events] == [Pinged, AgentAudio, ConversationStarted, AgentAudio]
        await conversation.close()
        assert vendor.received == [INITIATION, {"type": "pong", "event_id": 1}]


async def test_pongs_go_out_at_once_while_nobody_receives():
    """Each next ping waits for the pong before it, and the receiver comes only after the last."""

    async def pings(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws)
        for event_id in range(1, 6):
            await ws.send_json(_ping(event_id))
            assert await vendor.read(ws) == {"type": "pong", "event_id": event_id}
        await ws.close()

    async with vendor_server(pings) as vendor:
        conversation = await AgentConversation.open(url=vendor.ws_url)
        while len(vendor.received) < 6:
            await asyncio.sleep(0.01)
        events = await _until_closed(conversation)
        assert [event.event_id for event in events if isinstance(event, Pinged)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("code", [1000, 1002, 1008, 1011])
async def test_each_close_code_is_the_last_event_and_is_repeated(code: int):
    async def closes(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws)
        await ws.send_json(_audio())
        await ws.close(code=code, message=b"the vendor's words")

    async with vendor_server(closes) as vendor:
        conversation = await AgentConversation.open(url=vendor.ws_url)
        events = await _until_closed(conversation)
        assert [type(event) for event in events[:2]] == [ConversationStarted, AgentAudio]
        assert events[-1] == ConversationClosed(code, "the vendor's words")
        assert await conversation.receive() == [events[-1]]
        await conversation.close()


async def test_pitfall_9_after_a_close_with_1000_the_goodbye_is_still_given():
    """The server closes while the goodbye still plays: all of its audio comes before the end."""

    async def says_goodbye(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws)
        for _ in range(50):
            await ws.send_json(_audio())
        end_call = {"tool_name": "end_call", "tool_call_id": "c", "tool_type": "system", "is_error": False}
        await ws.send_json({"type": "agent_tool_response", "agent_tool_response": end_call})
        await ws.close(code=1000)

    async with vendor_server(says_goodbye) as vendor:
        conversation = await AgentConversation.open(url=vendor.ws_url)
        await asyncio.sleep(0.05)
        events = await _until_closed(conversation)
        assert sum(isinstance(event, AgentAudio) for event in events) == 50
        assert events[-1] == ConversationClosed(1000, "")


async def test_an_abrupt_end_is_1006():
    async def vanishes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await read_frame(reader)
        writer.write(frame(1, json.dumps(METADATA).encode()))
        await writer.drain()

    async with raw_server(vanishes) as url:
        conversation = await AgentConversation.open(url=url)
        last = (await _until_closed(conversation))[-1]
        assert isinstance(last, ConversationClosed)
        assert last.close_code == 1006


async def test_pitfall_3_dying_right_after_the_metadata_tells_code_and_reason():
    async def dies(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws)
        fault = {"code": 1008, "error_type": "override_error", "message": "not allowed"}
        await ws.send_json({"type": "error", "error_event": fault})
        await ws.close(code=1008, message=b"Override for field 'voice_id' is not allowed by config")

    async with vendor_server(dies) as vendor:
        conversation = await AgentConversation.open(url=vendor.ws_url)
        events = await _until_closed(conversation)
        assert events[1:] == [
            VendorFaulted(1008, "override_error", "not allowed"),
            ConversationClosed(1008, "Override for field 'voice_id' is not allowed by config"),
        ]


async def test_pitfall_11_an_error_event_alone_ends_nothing():
    async def faults(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws)
        await ws.send_json({"type": "error", "error_event": {"code": 1002, "error_type": "llm_timeout"}})
        await ws.send_json(_audio())
        await ws.close(code=1011, message=b"max duration")

    async with vendor_server(faults) as vendor:
        conversation = await AgentConversation.open(url=vendor.ws_url)
        assert (await _until_closed(conversation))[1:] == [
            VendorFaulted(1002, "llm_timeout", ""),
            AgentAudio("AAAA", 2),
            ConversationClosed(1011, "max duration"),
        ]


async def test_everything_said_arrives_in_order():
    async with vendor_server(_listen) as vendor:
        conversation = await AgentConversation.open(url=vendor.ws_url)
        conversation.send_tool_result("c", {"a": 1})
        conversation.send_tool_result("c", "no", True)
        conversation.send_contextual_update("t", "heard")
        conversation.send_user_message("hello")
        conversation.send_user_activity()
        await conversation.close()
        assert vendor.received[1:] == [
            {"type": "client_tool_result", "tool_call_id": "c", "result": '{"a":1}', "is_error": False},
            {"type": "client_tool_result", "tool_call_id": "c", "result": "no", "is_error": True},
            {"type": "contextual_update", "text": "t", "context_id": "heard"},
            {"type": "user_message", "text": "hello"},
            {"type": "user_activity"},
        ]
        assert conversation.dropped_messages == 0


@pytest.mark.parametrize("how", ["close", "abort", "theirs"])
async def test_what_is_said_after_the_end_is_dropped_and_counted(how: str):
    async def ends(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws)
        if how == "theirs":
            await ws.close(code=1011)
        await vendor.read_all(ws)

    async with vendor_server(ends) as vendor:
        conversation = await AgentConversation.open(url=vendor.ws_url)
        if how == "close":
            await conversation.close("bye")
        elif how == "abort":
            conversation.abort()
        last = (await _until_closed(conversation))[-1]
        assert last.close_code == {"close": 1000, "abort": 1006, "theirs": 1011}[how]
        assert conversation.send_audio("AAAA") is False
        conversation.send_tool_result("c", "r")
        conversation.send_user_activity()
        conversation.send_contextual_update("t")
        conversation.send_user_message("t")
        assert (conversation.dropped_frames, conversation.dropped_messages) == (1, 4)
        await conversation.close()
        await conversation.close()


async def test_a_slow_vendor_costs_frames_and_not_memory():
    async def stalls(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await upgrade(reader, writer)
        await read_frame(reader)
        writer.write(frame(1, json.dumps(METADATA).encode()))
        await asyncio.sleep(30)

    async with raw_server(stalls) as url:
        conversation = await AgentConversation.open(url=url)
        payload = "A" * 4000
        sent = 0
        while conversation.send_audio(payload):
            sent += 1
            await asyncio.sleep(0)
            assert sent < 20_000
        assert conversation.send_audio(payload) is False
        assert conversation.dropped_frames == 2
        conversation.abort()


async def test_counts_for_the_account_of_a_call():
    async def talks(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws)
        for text in ("garbage", '{"type":"new"}', '{"type":"vad_score","vad_score_event":{}}'):
            await ws.send_str(text)
        await ws.send_bytes(b"\xff\x00")
        await ws.send_json({"type": "interruption", "interruption_event": {"event_id": 5}})
        await ws.send_json(_audio(4))
        await ws.send_json(_audio(5))
        await ws.close()

    async with vendor_server(talks) as vendor:
        conversation = await AgentConversation.open(url=vendor.ws_url)
        assert (await _until_closed(conversation))[1:-1] == [
            UnknownMessage("not_json"),
            UnknownMessage("new"),
            NotedEvent("vad_score", None),
            UnknownMessage("not_json"),
            Interrupted(5),
            AgentAudio("AAAA", 5),
        ]
        assert (conversation.unknown_messages, conversation.noted_messages, conversation.stale_audio) == (3, 1, 1)


async def test_receiving_may_be_cancelled_and_goes_on_where_it_was():
    go_on = asyncio.Event()

    async def talks(vendor: Vendor, ws: web.WebSocketResponse) -> None:
        await vendor.begin(ws)
        await go_on.wait()
        for event_id in range(20):
            await ws.send_json(_audio(event_id))
        await ws.close()

    async with vendor_server(talks) as vendor:
        conversation = await AgentConversation.open(url=vendor.ws_url)
        events = await conversation.receive()
        for turn in range(30):
            receiving = asyncio.ensure_future(conversation.receive())
            await asyncio.sleep(0.001 * (turn % 3))
            receiving.cancel()
            try:
                events += await receiving
            except asyncio.CancelledError:
                go_on.set()
        events += await _until_closed(conversation) if not isinstance(events[-1], ConversationClosed) else []
        ids = [event.event_id for event in events if isinstance(event, AgentAudio)]
        assert ids == list(range(20))


async def test_pitfall_10_a_second_conversation_knows_nothing_of_the_first():
    async with vendor_server(_listen) as vendor:
        for _ in range(2):
            conversation = await AgentConversation.open(url=vendor.ws_url)
            await conversation.close()
        assert vendor.received == [INITIATION, INITIATION]


async def test_two_hundred_conversations_leave_no_task_behind():
    before = asyncio.all_tasks()
    async with vendor_server(_listen) as vendor:
        for batch in range(10):
            conversations = await asyncio.gather(*(AgentConversation.open(url=vendor.ws_url) for _ in range(20)))
            for number, conversation in enumerate(conversations):
                if (batch + number) % 2:
                    conversation.abort()
            await asyncio.gather(*(conversation.close() for conversation in conversations))
    assert asyncio.all_tasks() == before
