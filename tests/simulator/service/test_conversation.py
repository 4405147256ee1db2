import asyncio
import json

import numpy as np
import pytest
from aiohttp import ClientSession

from ivr_bridge.simulator.service.stage import Pace
from tests.simulator.service.caller import FAST, FIRST, QUIET, SECOND, ask, dialled, noise, said, served
from tests.support.asyncapi import messages_of, name_of


async def test_order_of_the_first_messages():
    async with served() as server, dialled(server) as caller:
        await caller.begin()
        await caller.until("agent_response_complete")
        assert caller.kinds() == [
            "conversation_initiation_metadata",
            "agent_response",
            "audio",
            "agent_response_complete",
        ]
        ids = {
            message[f"{message['type']}_event"]["event_id"]
            for message in caller.seen
            if message["type"] in ("agent_response", "audio", "agent_response_complete")
        }
        assert len(ids) == 1, "a reply's text and audio share one event_id"
        assert any(message["type"] == "ping" for message in caller.seen)


@pytest.mark.parametrize("name", ["ulaw_8000", "pcm_16000", "pcm_44100"])
async def test_formats_are_announced_and_spoken(name: str):
    async with served(output_format=name) as server, dialled(server) as caller:
        metadata = await caller.begin()
        event = metadata["conversation_initiation_metadata_event"]
        assert (event["agent_output_audio_format"], event["user_input_audio_format"]) == (name, "ulaw_8000")
        await caller.until("agent_response_complete")
        codec, _, rate = name.partition("_")
        seconds = len(caller.audio()) / int(rate) / (2 if codec == "pcm" else 1)
        assert 2.0 < seconds < 5.0


@pytest.mark.parametrize("voice", [FIRST, SECOND], ids=["first voice", "second voice"])
@pytest.mark.parametrize("backwards", [False, True], ids=["forwards", "backwards"])
async def test_answers_what_it_hears(voice, backwards: bool):
    expected = {
        "what are your opening hours": "We are open",
        "is there parking": "Yes, there is free parking",
        "what is your address": "We are at twelve",
    }
    requests = list(expected)[:: -1 if backwards else 1]
    async with served() as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        assert await ask(caller, *requests, voice=voice) == requests
        for reply, request in zip(caller.replies(), requests, strict=True):
            assert reply.startswith(expected[request])


async def test_a_booking_with_its_tool_and_a_goodbye():
    async with served() as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await ask(caller, "i would like to book a table", "for two people", "on friday")
        await caller.say(said("at seven"))
        call = (await caller.until("client_tool_call"))["client_tool_call"]
        assert (call["tool_name"], call["parameters"]) == (
            "book_table",
            {"people": 2, "day": "friday", "time": "seven"},
        )
        await caller.send(
            type="client_tool_result", tool_call_id=call["tool_call_id"], result="Booked as 101", is_error=False
        )
        await caller.until("agent_tool_response")
        await caller.until("agent_response_complete")
        assert caller.replies()[-1] == "Booked as 101. Is there anything else?"
        await caller.say(said("no thank you goodbye"))
        ended = (await caller.until("agent_tool_response"))["agent_tool_response"]
        assert (ended["tool_name"], ended["is_error"]) == ("end_call", False)
        assert await caller.rest() == 1000


async def test_a_failed_tool_is_apologised_for():
    async with served() as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await caller.send(type="user_message", text="What is my number?")
        call = (await caller.until("client_tool_call"))["client_tool_call"]
        assert call["tool_name"] == "get_call_info"
        await caller.send(type="client_tool_result", tool_call_id=call["tool_call_id"], result="no", is_error=True)
        assert (await caller.until("agent_tool_response"))["agent_tool_response"]["is_error"]
        await caller.until("agent_response")
        assert caller.replies()[-1].startswith("I am sorry")


async def test_a_tool_that_never_answers():
    async with served(pace=Pace(speed=200.0, tool_timeout_s=0.1)) as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await caller.send(type="user_message", text="what is my number")
        await caller.until("client_tool_call")
        assert (await caller.until("agent_tool_response"))["agent_tool_response"]["is_error"]


async def test_a_written_message_is_answered_as_the_spoken_words():
    async with served() as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await ask(caller, "is there parking")
        await caller.send(type="user_message", text="Is there parking?")
        await caller.until("user_transcript")
        await caller.until("agent_response")
        spoken, written = caller.replies()
        assert spoken == written


async def test_barge_in():
    async with served(pace=Pace(speed=3.0)) as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await caller.send(type="user_message", text="when are you open")
        reply = (await caller.until("agent_response"))["agent_response_event"]
        await caller.until("audio")
        await asyncio.sleep(0.2)
        await caller.say(said("is there parking"))
        cut = (await caller.until("interruption"))["interruption_event"]["event_id"]
        assert cut > reply["event_id"]
        correction = (await caller.until("agent_response_correction"))["agent_response_correction_event"]
        assert correction["original_agent_response"] == reply["agent_response"]
        heard = correction["corrected_agent_response"].removesuffix("...")
        assert reply["agent_response"].startswith(heard)
        assert len(heard) < len(reply["agent_response"])
        before = len(caller.seen)
        await caller.until("user_transcript")
        assert "audio" not in [message["type"] for message in caller.seen[before:]], "the cut reply is silent"
        after = (await caller.until("agent_response"))["agent_response_event"]
        assert after["event_id"] > cut
        assert (await caller.until("audio"))["audio_event"]["event_id"] == after["event_id"]


async def test_nothing_is_interrupted_once_the_reply_was_heard():
    async with served() as server, dialled(server) as caller:
        await caller.begin(conversation_config_override={"agent": {"first_message": "Hi."}})
        await caller.until("agent_response_complete")
        await asyncio.sleep(1.0)
        await ask(caller, "is there parking")
        assert "interruption" not in caller.kinds()


@pytest.mark.parametrize("audio", [bytes(48000), noise()], ids=["silence", "noise"])
async def test_silence_and_noise_are_no_words(audio: bytes):
    async with served() as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await caller.say(audio)
        assert await ask(caller, "is there parking") == ["is there parking"]


async def test_noise_does_not_interrupt():
    async with served(pace=Pace(speed=3.0)) as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await caller.send(type="user_message", text="is there parking")
        await caller.until("audio")
        await caller.say(bytes(8000) + noise())
        await caller.until("agent_response_complete")
        assert "interruption" not in caller.kinds()


async def test_a_buzz_over_a_reply_does_not_leave_silence():
    async with served(pace=Pace(speed=3.0)) as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await caller.send(type="user_message", text="when are you open")
        await caller.until("audio")
        buzz = np.sign(np.sin(np.arange(12000) / 8000 * 2 * np.pi * 120)) * 5000
        await caller.say(bytes(8000) + buzz.astype("<i2").tobytes() + bytes(16000))
        await caller.until("interruption")
        await caller.until("agent_response")
        assert caller.replies()[-1] == "I am listening."
        assert caller.kinds().count("user_transcript") == 1, "the written question only"


async def test_context_activity_and_feedback_change_nothing():
    async with served() as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await caller.send(type="contextual_update", text="caller pressed 2", context_id="dtmf")
        await caller.send(type="user_activity")
        await caller.send(type="feedback", event_id=1, score="like")
        await caller.send(type="user_message", text=None)
        await caller.send(type="user_message", text="is there parking")
        await caller.until("agent_response_complete")
        assert len(caller.replies()) == 1


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("not json", "invalid_message"),
        ("[]", "invalid_message"),
        ('{"type": "audio", "data": "AAAA"}', "invalid_message"),
        ('{"user_audio_chunk": "%%%"}', "invalid_message"),
        ('{"type": "pong"}', "missing_fields"),
        ('{"type": "client_tool_result", "tool_call_id": "c", "result": "r"}', "missing_fields"),
    ],
)
async def test_a_bad_message_ends_the_conversation(text: str, kind: str):
    async with served() as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await caller.socket.send_str(text)
        assert (await caller.until("error"))["error_event"]["error_type"] == kind
        assert await caller.rest() == 1008


async def test_a_binary_message_ends_the_conversation():
    async with served() as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        await caller.socket.send_bytes(b"\xff" * 160)
        assert await caller.rest() == 1008


async def test_without_initiation_the_audio_is_heard_all_the_same():
    async with served() as server, dialled(server) as caller:
        await caller.say(said("is there parking")[:320])
        await caller.until("conversation_initiation_metadata")
        await caller.until("agent_response")


async def test_a_client_that_only_pongs_is_let_go():
    pace = Pace(speed=200.0, ping_s=0.05, receive_timeout_s=0.3)
    async with served(pace=pace) as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        assert (await caller.until("error"))["error_event"]["error_type"] == "transport_receive_timeout"
        assert await caller.rest() == 1002


async def test_pings_measure_the_round_trip():
    async with served(pace=Pace(speed=200.0, ping_s=0.05)) as server, dialled(server) as caller:
        await caller.begin(**QUIET)
        pings = []
        while len(pings) < 3:
            received = json.loads((await caller.socket.receive(timeout=5)).data)
            if received["type"] == "ping":
                pings.append(received["ping_event"])
                await caller.send(type="pong", event_id=received["ping_event"]["event_id"])
        assert pings[0]["ping_ms"] is None
        assert pings[2]["ping_ms"] >= 0
        assert [ping["event_id"] for ping in pings] == [1, 2, 3]


@pytest.mark.parametrize(
    ("agent_id", "data", "kind"),
    [
        ("agent_sandbox_strict", QUIET, "override_error"),
        ("agent_sandbox_caller", {}, "missing_dynamic_variable"),
    ],
)
async def test_a_refused_initiation(agent_id: str, data: dict, kind: str):
    async with served() as server, dialled(server, agent_id) as caller:
        await caller.send(type="conversation_initiation_client_data", **data)
        assert (await caller.until("error"))["error_event"]["error_type"] == kind
        assert await caller.rest() == 1008
        assert "conversation_initiation_metadata" not in caller.kinds()


async def test_dynamic_variables_are_spoken():
    async with served() as server, dialled(server, "agent_sandbox_caller") as caller:
        await caller.begin(dynamic_variables={"caller_number": "+15550100001"})
        await caller.until("agent_response")
        assert "+15550100001" in caller.replies()[0]


async def test_two_callers_do_not_disturb_each_other():
    async with served() as server, dialled(server) as one, dialled(server) as two:
        await asyncio.gather(one.begin(**QUIET), two.begin(**QUIET))
        heard = await asyncio.gather(ask(one, "is there parking"), ask(two, "what is your address"))
        assert heard == [["is there parking"], ["what is your address"]]
        assert one.replies() != two.replies()


async def test_a_lost_client_ends_everything():
    async with served(pace=FAST) as server:
        before = asyncio.all_tasks()
        async with ClientSession() as session:
            url = server.make_url("/v1/convai/conversation?agent_id=agent_sandbox_desk")
            for _ in range(5):
                socket = await session.ws_connect(url)
                await socket.send_str('{"type": "conversation_initiation_client_data"}')
                await socket.receive()
                socket._response.close()
        for _ in range(100):
            left = asyncio.all_tasks() - before
            if not left:
                break
            await asyncio.sleep(0.05)
        assert not left


def test_the_file_knows_what_is_sent():
    assert "Audio" in messages_of("publish")
    assert name_of({"user_audio_chunk": ""}, "subscribe") == "UserAudio"
    assert name_of({"type": "mystery"}) is None
