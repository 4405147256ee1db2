import audioop
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMessage, WSMsgType, WSServerHandshakeError

from ivr_bridge.simulator.service import messages
from ivr_bridge.simulator.service.inbox import BadMessage
from ivr_bridge.simulator.service.legacy_dialect import LegacyDialect
from tests.simulator.service.asker import Asker, asking
from tests.simulator.service.caller import DESK, said

PATH = "/v1/convai/stream"


class Old:
    """A client of the older dialect."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.seen: list[dict[str, Any]] = []

    async def send(self, kind: str, data: Any = None) -> None:
        await self.socket.send_str(json.dumps({"type": kind} | ({} if data is None else {"data": data})))

    async def say(self, text: str) -> None:
        audio = audioop.lin2ulaw(said(text), 2)
        for start in range(0, len(audio), 160):
            await self.send("audio", base64.b64encode(audio[start : start + 160]).decode())

    async def until(self, kind: str) -> Any:
        while True:
            self.seen.append(json.loads(await self.socket.receive_str(timeout=20)))
            if self.seen[-1]["type"] == kind:
                return self.seen[-1]["data"]


@asynccontextmanager
async def dialled_of_old(asker: Asker, agent_id: str = DESK) -> AsyncIterator[Old]:
    async with asker.session.ws_connect(asker.server.make_url(f"{PATH}?agent_id={agent_id}")) as socket:
        yield Old(socket)


async def test_a_conversation_with_a_tool():
    async with asking() as asker:
        async with dialled_of_old(asker) as old:
            greeting = await old.until("agent_response")
            assert greeting["text"].startswith("Welcome to the Harbour Kitchen")
            assert base64.b64decode(await old.until("audio"))
            await old.send("interruption")
            await old.say("what is my number")
            assert (await old.until("user_transcript")) == {"text": "what is my number"}
            assert await old.until("client_tool_call") == {"name": "get_call_info", "parameters": {}}
            await old.send("client_tool_result", {"name": "get_call_info", "result": {"caller": "+15550100001"}})
            assert "+15550100001" in (await old.until("agent_response"))["text"]
            kinds = {message["type"] for message in old.seen}
            assert kinds <= {"agent_response", "audio", "user_transcript", "client_tool_call"}
        document = await asker.finished()
        roles = [turn["role"] for turn in document["transcript"]]
        assert roles == ["agent", "user", "agent", "agent"]
        assert document["transcript"][0]["interrupted"]


async def test_speech_alone_interrupts_nothing():
    async with asking() as asker:
        async with dialled_of_old(asker) as old:
            await old.until("audio")
            await old.say("is there parking")
            await old.until("user_transcript")
        assert not (await asker.finished())["transcript"][0]["interrupted"]


async def test_the_key_in_header_or_query():
    async with asking(key="right") as asker:
        for query, status in (("", 401), ("&xi-api-key=wrong", 401)):
            with pytest.raises(WSServerHandshakeError) as refused:
                await asker.session.ws_connect(
                    asker.server.make_url(f"{PATH}?agent_id={DESK}{query}"), headers={"xi-api-key": ""}
                )
            assert refused.value.status == status
        url = asker.server.make_url(f"{PATH}?agent_id={DESK}&xi-api-key=right")
        async with asker.session.ws_connect(url, headers={"xi-api-key": ""}) as socket:
            await Old(socket).until("audio")
        assert "right" not in str(asker.log.as_json())


async def test_an_unknown_agent_and_a_bad_message():
    async with asking() as asker:
        with pytest.raises(WSServerHandshakeError) as refused:
            async with dialled_of_old(asker, "nobody"):
                pass
        assert refused.value.status == 404
        async with dialled_of_old(asker) as old:
            await old.send("user_message", "hello")
            assert (await old.until("error"))["code"] == 1008
            assert (await old.socket.receive(timeout=20)).type in (WSMsgType.CLOSE, WSMsgType.CLOSED)


def read(text: str) -> dict[str, Any]:
    return LegacyDialect().read(WSMessage(WSMsgType.TEXT, text, ""))


def test_what_it_reads():
    assert read('{"type": "audio", "data": "AAE="}') == {"user_audio_chunk": b"\0\1"}
    assert read('{"type": "interruption"}') == {"type": "interruption"}
    assert read('{"type": "client_tool_result", "data": {"name": "x", "result": [1], "is_error": true}}') == {
        "type": "client_tool_result",
        "tool_call_id": "",
        "tool_name": "x",
        "result": "[1]",
        "is_error": True,
    }
    for text in ("x", "[]", '{"type": "pong"}', '{"type": "audio"}', '{"type": "client_tool_result", "data": {}}'):
        with pytest.raises(BadMessage):
            read(text)
    with pytest.raises(BadMessage):
        LegacyDialect().read(WSMessage(WSMsgType.BINARY, b"", ""))


def test_what_it_does_not_write():
    dialect = LegacyDialect()
    assert dialect.write(messages.ping(1, None)) is None
    assert dialect.write(messages.metadata("c", "ulaw_8000", "ulaw_8000")) is None
    assert dialect.write(messages.interruption(1)) is None
    assert dialect.write(messages.error(messages.QUOTA, "none left")) == {
        "type": "error",
        "data": {"code": 1002, "message": "received 1002 (protocol error) none left"},
    }
