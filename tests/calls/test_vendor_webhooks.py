"""A conversation is over at the vendor; its webhooks arrive in the running bridge."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from structlog.testing import capture_logs

from ivr_bridge.app import Bridge
from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.agents import AGENTS
from ivr_bridge.simulator.service.conversation_record import ConversationRecord
from ivr_bridge.simulator.service.post_call import PostCall, Webhook
from ivr_bridge.simulator.service.request_log import RequestLog
from tests.calls.house import sandbox
from tests.elevenlabs.signed_webhook import SECRET
from tests.support.built_bridge import built

DESK = "agent_sandbox_desk"


@pytest.fixture
async def bridge(tmp_path: Path) -> AsyncIterator[Bridge]:
    bridge = await built(tmp_path)
    await bridge.start()
    yield bridge
    await bridge.close()


def url_of(bridge: Bridge) -> str:
    return f"{bridge.base_url}/elevenlabs/webhook"


async def recorded(captured: list[Any], count: int) -> list[tuple[str, str, str]]:
    """The first `count` conversations that were worked on: type, id, agent."""
    found: list[Any] = []
    async with asyncio.timeout(40):
        while len(found) < count:
            await asyncio.sleep(0.02)
            found = [event for event in captured if event["event"] == "conversation.recorded"]
    return [(event["type"], event["conversation_id"], event["agent_id"]) for event in found]


async def hold_conversation(service_url: str) -> str:
    """Hear the agent's first audio, then hang up; the conversation's id."""
    conversation_id = ""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{service_url}/v1/convai/conversation?agent_id={DESK}") as socket,
    ):
        await socket.send_json({"type": "conversation_initiation_client_data"})
        async for message in socket:
            told = message.json()
            if told["type"] == "conversation_initiation_metadata":
                conversation_id = told["conversation_initiation_metadata_event"]["conversation_id"]
            if told["type"] == "audio":
                break
    return conversation_id


async def test_what_was_said_in_a_conversation_arrives_and_how_it_sounded(bridge: Bridge) -> None:
    with capture_logs() as captured:
        async with sandbox(webhook=(url_of(bridge), SECRET), record=True) as service_url:
            conversation_id = await hold_conversation(service_url)
            told = await recorded(captured, 2)
    assert told == [("post_call_transcription", conversation_id, DESK), ("post_call_audio", conversation_id, DESK)]
    folder = bridge.settings.var_dir / "conversations"
    assert json.loads((folder / f"{conversation_id}.json").read_bytes())["data"]["transcript"][0]["role"] == "agent"
    assert (folder / f"{conversation_id}.mp3").stat().st_size > 1000


async def test_its_audio_arrives_in_pieces_of_unsaid_number(bridge: Bridge) -> None:
    account, log, audio = Account(None), RequestLog(), bytes(range(256)) * 2000
    record = ConversationRecord(account, AGENTS[DESK], "conv_1", "public", asyncio.get_running_loop().time)
    record.begin({})
    record.say("agent", "Hello.")
    record.end(1000, "", audio)
    post_call = PostCall(account, Webhook(url_of(bridge), SECRET), log, 0)
    with capture_logs() as captured:
        post_call.follow(record)
        told = await recorded(captured, 2)
    await post_call.close()
    assert told == [("post_call_transcription", "conv_1", DESK), ("post_call_audio", "conv_1", DESK)]
    assert [each["status"] for each in log.webhooks] == [200, 200]
    assert (bridge.settings.var_dir / "conversations" / "conv_1.mp3").read_bytes() == audio
