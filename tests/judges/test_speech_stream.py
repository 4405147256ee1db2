"""Our text-to-speech socket against the sandbox's, and both against the vendor's own contract.

The vendor's own library says the same thing to the same sandbox, so that its words stand beside ours.
"""

import asyncio
import base64
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.elevenlabs.speech_stream.events import SpeechAudio, SpeechEnded, SpeechEvent
from ivr_bridge.elevenlabs.speech_stream.protocol import MAX_CONTEXTS
from ivr_bridge.elevenlabs.speech_stream.socket import SpeechStream
from ivr_bridge.errors import LocalProtocolError, VendorRejected
from tests.calls.house import sandbox
from tests.support.asyncapi import speech_problems_of
from tests.support.vendor_tap import TappedConversation, VendorTap

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK imports what websockets has renamed
    from elevenlabs.client import ElevenLabs

VOICE = "EXAVITQu4vr4xnSDxMaL"
WANTED = {"voice_id": VOICE, "model_id": "eleven_flash_v2_5", "output_format": "ulaw_8000"}
KEY = "sk_speech_0123456789"


@asynccontextmanager
async def tapped(**options: Any) -> AsyncIterator[tuple[VendorTap, ElevenLabsAPIClient]]:
    async with (
        sandbox(key=KEY, **options) as url,
        VendorTap(url).run() as tap,
        ElevenLabsAPIClient(tap.url, KEY) as client,
    ):
        yield tap, client


def check(socket: TappedConversation, *, multi: bool = False) -> None:
    """Every message of both sides is one of the contract's."""
    assert socket.from_bridge
    for message in socket.from_bridge:
        assert speech_problems_of(message, multi=multi, by_client=True) == [], message
    for message in socket.from_service:
        assert speech_problems_of(message, multi=multi, by_client=False) == [], message


def audio_of(events: list[SpeechEvent], context_id: str = "") -> bytes:
    return b"".join(
        base64.b64decode(event.payload)
        for event in events
        if isinstance(event, SpeechAudio) and event.context_id == context_id
    )


def words_of(events: list[SpeechEvent], context_id: str = "") -> str:
    return "".join(
        "".join(event.alignment.chars)
        for event in events
        if isinstance(event, SpeechAudio) and event.context_id == context_id and event.alignment
    )


async def test_one_text_is_spoken_while_it_is_written():
    async with tapped() as (tap, client):
        stream = await SpeechStream.open(client, **WANTED, sync_alignment=True)
        stream.begin(voice_settings={"speed": 1.0, "stability": 0.5}, chunk_length_schedule=(50, 120))
        stream.say("There is a table for you.", flush=True)
        events = await stream.receive()
        assert isinstance(events[0], SpeechAudio), "before the text is complete"
        stream.keep_alive()
        stream.say("At eight o'clock.")
        stream.end()
        events += [event async for event in stream]
        await stream.close()
        check(tap.conversations[0])
    assert events[-1] == SpeechEnded("")
    assert words_of(events) == "There is a table for you. At eight o'clock.", "a sign of life is a space"
    assert len(audio_of(events)) > 8000
    assert stream.unknown_messages == 0
    assert stream.contexts == ()


async def test_several_texts_one_of_which_is_cut_short():
    async with tapped() as (tap, client):
        stream = await SpeechStream.open(client, **WANTED, multi=True)
        for name in ("one", "two"):
            stream.begin(name)
            stream.say(f"This is text {name}.", name, flush=True)
        stream.say("Nobody will ever hear this.", "one")
        stream.keep_alive("two")
        stream.end("one")
        events: list[SpeechEvent] = []
        while SpeechEnded("one") not in events:
            events += await stream.receive()
        stream.begin("three")
        stream.say("A third one.", "three", flush=True)
        while not audio_of(events, "three"):
            events += await stream.receive()
        stream.end("two")
        stream.end("three")
        events += [event async for event in _until(stream, {"two", "three"})]
        await stream.close()
        check(tap.conversations[0], multi=True)
    said = {name: words_of(events, name) for name in ("one", "two", "three")}
    assert said == {"one": "This is text one.", "two": "This is text two.", "three": "A third one."}
    assert stream.unknown_messages == 0


async def _until(stream: SpeechStream, ended: set[str]) -> AsyncIterator[SpeechEvent]:
    left = set(ended)
    while left:
        for event in await stream.receive():
            if isinstance(event, SpeechEnded):
                left.discard(event.context_id)
            yield event


async def test_our_limit_of_texts_is_the_sandboxs():
    async with tapped() as (tap, client):
        stream = await SpeechStream.open(client, **WANTED, multi=True)
        for number in range(MAX_CONTEXTS):
            stream.begin(f"text {number}")
        with pytest.raises(LocalProtocolError, match="end one of them first"):
            stream.begin("one too many")
        for number in range(MAX_CONTEXTS):
            stream.end(f"text {number}")
        assert [event async for event in _until(stream, {f"text {n}" for n in range(MAX_CONTEXTS)})]
        await stream.close()
        check(tap.conversations[0], multi=True)


async def test_the_vendors_reason_for_closing_is_the_errors():
    async with tapped() as (_, client):
        with pytest.raises(VendorRejected, match="voice_not_found"):
            await _first(await SpeechStream.open(client, **{**WANTED, "voice_id": "nobody"}))
    async with sandbox(key="another") as url, ElevenLabsAPIClient(url, KEY) as client:
        with pytest.raises(VendorRejected, match="invalid_api_key") as refused:
            await SpeechStream.open(client, **WANTED)
    assert refused.value.status == 401
    assert KEY not in repr(refused.value)


async def _first(stream: SpeechStream) -> None:
    try:
        stream.begin()
        while await stream.receive():
            pass
    finally:
        await stream.close()


@pytest.mark.filterwarnings("ignore:ConnectionClosed.code:DeprecationWarning")  # the SDK's
async def test_the_vendors_library_is_heard_and_its_words_beside_ours():
    pieces = ["There is a table for you,", "at eight o'clock."]

    def theirs(url: str) -> bytes:
        with httpx.Client() as http:
            speech = ElevenLabs(api_key=KEY, base_url=url, httpx_client=http).text_to_speech
            speech._ws_base_url = url.replace("http", "ws")  # it would take wss whatever the address says
            text = iter(pieces)
            return b"".join(speech.convert_realtime(VOICE, text=text, **_wanted_of_theirs()))

    async with tapped() as (tap, client):
        heard = await asyncio.to_thread(theirs, tap.url)
        stream = await SpeechStream.open(client, **WANTED)
        stream.begin(chunk_length_schedule=(50,))
        for piece in pieces:
            stream.say(piece)
        stream.end()
        events = [event async for event in stream]
        await stream.close()
        of_theirs, of_ours = tap.conversations
        check(of_ours)
    assert texts(of_ours) == texts(of_theirs) == [" ", *(f"{piece} " for piece in pieces), ""]
    assert of_ours.from_bridge[0]["generation_config"] == of_theirs.from_bridge[0]["generation_config"]
    assert len(heard) == pytest.approx(len(audio_of(events)), rel=0.2), "theirs asks for audio earlier"


def texts(socket: TappedConversation) -> list[str]:
    return [message["text"] for message in socket.from_bridge]


def _wanted_of_theirs() -> dict[str, Any]:
    return {"model_id": WANTED["model_id"], "output_format": WANTED["output_format"]}


@pytest.mark.parametrize(
    ("message", "multi", "by_client"),
    [
        ({}, False, True),
        ({"text": "Hi ", "context_id": "a"}, False, True),
        ({"text": " ", "mystery": 1}, True, True),
        ({"context_id": "a"}, True, True),
        ({"audio": None}, False, False),
        ({"contextId": "a"}, True, False),
        ({"audio": "AAAA", "alignment": {"charStartTimesMs": ["x"]}}, False, False),
    ],
)
def test_the_contract_can_refuse(message: dict[str, Any], multi: bool, by_client: bool):
    assert speech_problems_of(message, multi=multi, by_client=by_client)
