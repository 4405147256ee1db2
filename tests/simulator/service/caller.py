"""A client of the conversation socket, for tests: speaks, listens, checks every message against the vendor's file."""

import audioop
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType, web
from yarl import URL

from ivr_bridge.simulator.service.app import build_service
from ivr_bridge.simulator.service.mouth import Mouth
from ivr_bridge.simulator.service.stage import Pace
from ivr_bridge.simulator.service.voices import Voice
from tests.support.asyncapi import problems_of

DESK = "agent_sandbox_desk"
FAST = Pace(speed=200.0)
QUIET = {"conversation_config_override": {"agent": {"first_message": ""}}}
FIRST = Voice("caller1", "Caller", "male", "american", "", 130, 50)
SECOND = Voice("caller2", "Caller", "female", "british", "f1", 140, 60)


@cache
def mouth() -> Mouth:
    return Mouth()


@cache
def said(text: str, voice: Voice = FIRST) -> bytes:
    """A caller's words as PCM16 at 8 kHz after a telephone line, with silence around, 1 s of it behind."""
    language = "en-gb" if voice.accent == "british" else "en"
    samples = np.frombuffer(mouth().speak(text, voice, language=language).pcm16, dtype="<i2").astype(float)
    samples *= 3000 / np.sqrt(np.mean(samples**2))
    padded = np.concatenate([np.zeros(2400), samples, np.zeros(8000)]).clip(-32768, 32767).astype("<i2").tobytes()
    return audioop.ulaw2lin(audioop.lin2ulaw(padded, 2), 2)


class Caller:
    """One open conversation."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self.seen: list[dict[str, Any]] = []

    async def send(self, **message: Any) -> None:
        await self.socket.send_str(json.dumps(message))

    async def begin(self, **data: Any) -> dict[str, Any]:
        await self.send(type="conversation_initiation_client_data", **data)
        return await self.until("conversation_initiation_metadata")

    async def say(self, pcm16: bytes, chunk_bytes: int = 160) -> None:
        """Send audio as mu-law, faster than real time: the ears count frames, not seconds."""
        audio = audioop.lin2ulaw(pcm16, 2)
        for start in range(0, len(audio), chunk_bytes):
            await self.send(user_audio_chunk=base64.b64encode(audio[start : start + chunk_bytes]).decode())

    async def receive(self) -> dict[str, Any] | None:
        """The next message but pings, which are answered; None when closed."""
        while True:
            received = await self.socket.receive(timeout=20)
            if received.type is not WSMsgType.TEXT:
                return None
            message: dict[str, Any] = json.loads(received.data)
            if message["type"] != "agent_response_complete":  # not in the vendor's file, only in its list of events
                problems = problems_of(message)
                assert not problems, problems
            self.seen.append(message)
            if message["type"] != "ping":
                return message
            await self.send(type="pong", event_id=message["ping_event"]["event_id"])

    async def until(self, kind: str) -> dict[str, Any]:
        while True:
            message = await self.receive()
            if message is None:
                pytest.fail(f"closed with {self.socket.close_code} before {kind}; seen: {self.kinds()}")
            if message["type"] == kind:
                return message

    async def rest(self) -> int | None:
        """Everything until the close; gives its code."""
        while await self.receive() is not None:
            pass
        return self.socket.close_code

    def kinds(self) -> list[str]:
        """Types seen, runs of the same type as one, no pings."""
        kinds = [message["type"] for message in self.seen if message["type"] != "ping"]
        return [kind for index, kind in enumerate(kinds) if index == 0 or kinds[index - 1] != kind]

    def replies(self) -> list[str]:
        return [
            str(message["agent_response_event"]["agent_response"])
            for message in self.seen
            if message["type"] == "agent_response"
        ]

    def audio(self) -> bytes:
        return b"".join(
            base64.b64decode(message["audio_event"]["audio_base_64"])
            for message in self.seen
            if message["type"] == "audio"
        )


class Served:
    """A sandbox on a free port, served as the product serves it."""

    def __init__(self, runner: web.AppRunner) -> None:
        self.runner = runner

    def make_url(self, path: str) -> URL:
        return URL(f"http://127.0.0.1:{self.runner.addresses[0][1]}{path}")

    async def close(self) -> None:
        await self.runner.cleanup()


@asynccontextmanager
async def served(**options: Any) -> AsyncIterator[Served]:
    runner = web.AppRunner(build_service(**{"pace": FAST, **options}), shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield Served(runner)
    finally:
        await runner.cleanup()


@asynccontextmanager
async def dialled(server: Served, agent_id: str = DESK, **kwargs: Any) -> AsyncIterator[Caller]:
    """An open conversation socket."""
    async with (
        ClientSession() as session,
        session.ws_connect(server.make_url(f"/v1/convai/conversation?agent_id={agent_id}"), **kwargs) as socket,
    ):
        yield Caller(socket)


async def ask(caller: Caller, *texts: str, voice: Voice = FIRST) -> list[str]:
    """Say each text and hear the reply to its end; what was understood."""
    answers = []
    for text in texts:
        await caller.say(said(text, voice))
        transcript = await caller.until("user_transcript")
        answers.append(transcript["user_transcription_event"]["user_transcript"])
        await caller.until("agent_response_complete")
    return answers


def noise() -> bytes:
    """2 s of white noise and 1 s of silence."""
    return np.random.default_rng(1).normal(0, 2500, 16000).astype("<i2").tobytes() + bytes(16000)
