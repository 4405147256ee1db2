import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from tests.simulator.service.asker import Asker, asking
from tests.simulator.service.caller import FAST

VOICE = "/v1/text-to-speech/EXAVITQu4vr4xnSDxMaL"
FORMAT = "output_format=ulaw_8000"
OPEN = {"text": " "}


class Text:
    """One socket."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket

    async def say(self, *messages: Any) -> None:
        for message in messages:
            await self.socket.send_str(message if isinstance(message, str) else json.dumps(message))

    async def rest(self) -> list[dict[str, Any]]:
        """Everything until the close."""
        seen = []
        while (received := await self.socket.receive(timeout=20)).type is WSMsgType.TEXT:
            seen.append(json.loads(received.data))
        return seen

    async def until_final(self) -> list[dict[str, Any]]:
        seen = [json.loads(await self.socket.receive_str(timeout=20))]
        while not seen[-1].get("isFinal"):
            seen.append(json.loads(await self.socket.receive_str(timeout=20)))
        return seen


@asynccontextmanager
async def opened(asker: Asker, query: str = FORMAT, path: str = f"{VOICE}/stream-input") -> AsyncIterator[Text]:
    async with asker.session.ws_connect(asker.server.make_url(f"{path}?{query}")) as socket:
        yield Text(socket)


def several(asker: Asker, query: str = FORMAT) -> Any:
    return opened(asker, query, f"{VOICE}/multi-stream-input")


def words(messages: list[dict[str, Any]]) -> str:
    return "".join(sign for message in messages for sign in (message.get("alignment") or {"chars": []})["chars"])


async def test_one_text():
    async with asking() as asker, opened(asker) as text:
        await text.say(
            {**OPEN, "voice_settings": {"speed": 1.0}}, {"text": "Good evening, "}, {"text": "and welcome. "}
        )
        await text.say({"text": ""})
        seen = await text.rest()
        assert words(seen) == "Good evening, and welcome."
        assert seen[-1] == {"audio": None, "isFinal": True}
        assert len(b"".join(base64.b64decode(one["audio"]) for one in seen[:-1])) > 8000
        assert text.socket.close_code == 1000


async def test_flushed_text_is_spoken_while_more_is_to_come():
    async with asking() as asker, opened(asker) as text:
        await text.say(OPEN, {"text": "Good evening. ", "flush": True})
        first = json.loads(await text.socket.receive_str(timeout=20))
        assert first["alignment"]["charStartTimesMs"][0] == 0
        await text.say({"text": "Bye. "}, {"text": ""})
        assert words([first, *await text.rest()]) == "Good evening.Bye."


@pytest.mark.parametrize(
    ("query", "first"), [("auto_mode=true", OPEN), ("", {**OPEN, "generation_config": {"chunk_length_schedule": [50]}})]
)
async def test_when_audio_comes_early(query: str, first: dict[str, Any]):
    async with asking() as asker, opened(asker, f"{FORMAT}&{query}") as text:
        await text.say(first, {"text": "There is a table for you at eight o'clock tonight. "})
        assert json.loads(await text.socket.receive_str(timeout=20))["audio"]


async def test_several_texts():
    async with asking() as asker, several(asker) as text:
        for name in ("a", "b"):
            await text.say({**OPEN, "context_id": name}, {"text": f"Text {name}. ", "context_id": name, "flush": True})
        await text.say({"text": "never said ", "context_id": "a"}, {"context_id": "a", "close_context": True})
        seen = await text.until_final()
        assert seen[-1] == {"isFinal": True, "contextId": "a"}
        await text.say({"close_socket": True})
        seen += await text.rest()
        assert {name: words([one for one in seen if one["contextId"] == name]) for name in ("a", "b")} == {
            "a": "Text a.",
            "b": "Text b.",
        }
        assert text.socket.close_code == 1000


async def test_a_context_can_be_begun_again():
    async with asking() as asker, several(asker) as text:
        for words_said in ("One. ", "Two. "):
            await text.say({**OPEN, "context_id": "a"}, {"text": words_said, "context_id": "a", "flush": True})
            await text.say({"context_id": "a", "close_context": True})
        seen = await text.until_final() + await text.until_final()
        assert words(seen) == "One.Two."


async def test_the_sixth_context_is_too_many():
    async with asking() as asker, several(asker) as text:
        for number in range(5):
            await text.say({**OPEN, "context_id": f"c{number}"})
        await text.say({"context_id": "c0", "close_context": True})
        await text.until_final()
        for number in (5, 6):
            await text.say({**OPEN, "context_id": f"c{number}"})
        (fault,) = await text.rest()
        assert fault["message"] == "Maximum simultaneous contexts per WebSocket connection exceeded (5)"
        assert text.socket.close_code == 1008


async def test_silence():
    pace = replace(FAST, speech_idle_s=0.05)
    async with asking(pace=pace) as asker:
        async with opened(asker) as text:
            await text.say(OPEN)
            (fault,) = await text.rest()
            assert (fault["error"], fault["code"], text.socket.close_code) == ("input_timeout_exceeded", 1008, 1008)
        async with opened(asker) as text:
            assert (await text.rest())[0]["error"] == "input_timeout_exceeded"
        async with several(asker) as text:
            await text.say({**OPEN, "context_id": "a"})
            assert await text.until_final() == [{"isFinal": True, "contextId": "a"}]
            assert not text.socket.closed


@pytest.mark.parametrize(
    ("path", "query", "error"),
    [
        ("/v1/text-to-speech/nobody/stream-input", FORMAT, "voice_not_found"),
        (f"{VOICE}/stream-input", f"{FORMAT}&model_id=eleven_v3", "model_not_supported"),
        (f"{VOICE}/stream-input", f"{FORMAT}&model_id=unknown", "model_not_supported"),
        (f"{VOICE}/stream-input", "", "output_format_not_supported"),
        (f"{VOICE}/stream-input", "output_format=wav_8000", "output_format_not_supported"),
        (f"{VOICE}/stream-input", f"{FORMAT}&inactivity_timeout=181", "invalid_message"),
        (f"{VOICE}/stream-input", f"{FORMAT}&inactivity_timeout=x", "invalid_message"),
    ],
)
async def test_what_cannot_be_spoken(path: str, query: str, error: str):
    async with asking() as asker, opened(asker, query, path) as text:
        (fault,) = await text.rest()
        assert (fault["error"], text.socket.close_code) == (error, 1008)


@pytest.mark.parametrize(
    "messages",
    [
        ["no JSON"],
        ["[]"],
        [{"text": "no space first"}],
        [{"text": 1}],
        [OPEN, {"text": 1}],
        [{**OPEN, "generation_config": {"chunk_length_schedule": [49]}}],
        [{**OPEN, "generation_config": 1}],
    ],
)
async def test_bad_messages(messages: list[Any]):
    async with asking() as asker, opened(asker) as text:
        await text.say(*messages)
        (fault,) = await text.rest()
        assert fault["code"] == text.socket.close_code == 1008


async def test_the_key():
    async with asking(key="right") as asker:
        with pytest.raises(WSServerHandshakeError) as refused:
            async with opened(asker):
                pass
        assert refused.value.status == 401
        asker.session.headers.pop("xi-api-key")
        for given, error in (
            ({"xi_api_key": "right"}, None),
            ({"xi-api-key": "wrong"}, "invalid_api_key"),
            ({}, "invalid_api_key"),
        ):
            async with opened(asker) as text:
                await text.say({**OPEN, **given}, {"text": "Hi. "}, {"text": ""})
                assert (await text.rest())[-1].get("error") == error


async def test_a_quota_that_is_used_up_closes():
    async with asking() as asker:
        await asker.good("POST", "/sandbox/subscription", {"character_limit": 2})
        async with opened(asker) as text:
            await text.say(OPEN, {"text": "Hello. ", "flush": True})
            (fault,) = await text.rest()
            assert (fault["error"], text.socket.close_code) == ("quota_exceeded", 1008)
