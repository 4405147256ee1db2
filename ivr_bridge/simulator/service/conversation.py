"""One conversation on one WebSocket: what comes in, whose turn it is, how it ends.

Four tasks: one reads the socket and listens, one takes the caller's turns in order, one sends the current reply, one
sends pings and watches for silence. The first of them that knows how the conversation ends (an `Ending`) ends it.
event_id counts replies, interruptions and transcripts, so that a reply's id is always below that of the interruption
that cut it and above that of any earlier one.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import WSMsgType, web

from ivr_bridge.simulator.service import dialogue, messages
from ivr_bridge.simulator.service.agents import Agent
from ivr_bridge.simulator.service.caller_audio import CallerAudio
from ivr_bridge.simulator.service.ears import SpeechConfirmed, SpeechEnded
from ivr_bridge.simulator.service.inbox import BadMessage, read_message
from ivr_bridge.simulator.service.initiation import InitiationRefused, Opening, open_with
from ivr_bridge.simulator.service.mouth import Mouth, Speech
from ivr_bridge.simulator.service.recogniser import Recogniser
from ivr_bridge.simulator.service.request_log import ConversationLog
from ivr_bridge.simulator.service.speaker import Speaker
from ivr_bridge.simulator.service.wire_audio import parse_format

_SLOW_S = 3.0
_STORM_CALLS = 20
_LISTENING = "I am listening."


@dataclass(frozen=True, slots=True)
class Pace:
    """The times of a conversation."""

    ping_s: float = 2.0
    receive_timeout_s: float = 60.0
    """Without anything but pongs for so long: 1002 transport_receive_timeout."""
    tool_timeout_s: float = 20.0
    piece_ms: int = 200
    speed: float = 3.0
    """How much faster than real time audio is sent."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a conversation ends; `error_type` names the error event sent before, if any; code 0: the client went."""

    code: int
    reason: str = ""
    error_type: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """What all conversations of a sandbox share."""

    mouth: Mouth
    recogniser: Recogniser
    output_format: str
    input_format: str
    fault: str | None
    pace: Pace
    run_blocking: Callable[..., Awaitable[Any]]
    """`await run_blocking(function, *args)` in the ears' thread."""


class Conversation:
    """Holds one conversation; make it after the upgrade, then await `run`."""

    def __init__(
        self, socket: web.WebSocketResponse, request: web.Request, agent: Agent, stage: Stage, log: ConversationLog
    ) -> None:
        self._socket = socket
        self._request = request
        self._agent = agent
        self._stage = stage
        self._log = log
        self._caller = CallerAudio(parse_format(stage.input_format))
        self._speaker = Speaker(
            self._send, parse_format(stage.output_format), stage.pace.piece_ms, stage.pace.speed, stage.fault
        )
        self._state = dialogue.DialogueState()
        self._turns: asyncio.Queue[SpeechEnded | str] = asyncio.Queue()
        self._tools: dict[str, asyncio.Future[tuple[str, bool]]] = {}
        self._event_id = 0
        self._tool_number = 0
        self._pings: dict[int, float] = {}
        self._ping_ms: int | None = None
        self._heard_at = asyncio.get_running_loop().time()
        self._answered = False
        self._was_cut = False

    async def run(self) -> None:
        """Hold the conversation until it ends; never raises for what a client does. Cancelling it is safe."""
        ending = Ending(1011, "", "unknown_websocket_crash")
        try:
            ending = await self._begin()
        except ConnectionError:
            ending = Ending(0)
        except asyncio.CancelledError:
            ending = Ending(0)
            raise
        finally:
            self._speaker.stop()
            self._log.close_code = ending.code or self._socket.close_code or 1006
            self._log.close_reason = ending.reason
        if ending.code:
            await self._close(ending)

    async def _begin(self) -> Ending:
        """The first message, the metadata, then everything side by side."""
        try:
            async with asyncio.timeout(self._stage.pace.receive_timeout_s):
                first = await self._socket.receive()
        except TimeoutError:
            return Ending(1002, "No user input received", "transport_receive_timeout")
        if first.type is not WSMsgType.TEXT and first.type is not WSMsgType.BINARY:
            return Ending(0)
        try:
            message = read_message(first)
            self._log.note(str(message.get("type", "user_audio_chunk")))
            begun = message.get("type") == "conversation_initiation_client_data"
            opening = open_with(self._agent, message if begun else {})
        except InitiationRefused as refusal:
            return Ending(1008, str(refusal), refusal.error_type)
        except BadMessage as bad:
            return Ending(1008, str(bad), bad.error_type)
        await self._send(
            messages.metadata(self._log.conversation_id, self._stage.output_format, self._stage.input_format)
        )
        tasks = [
            asyncio.create_task(work)
            for work in (self._listen(None if begun else message), self._talk(opening), self._keep_alive())
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _close(self, ending: Ending) -> None:
        """Say why, then close; a client that has gone is no fault."""
        try:
            if ending.error_type:
                await self._send(messages.error(ending.error_type, ending.reason))
            await self._socket.close(code=ending.code, message=ending.reason.encode()[:120])
        except ConnectionError:
            return

    async def _send(self, message: dict[str, Any]) -> None:
        """One message as text."""
        await self._socket.send_str(json.dumps(message))

    def _next_id(self) -> int:
        """The next event_id."""
        self._event_id += 1
        return self._event_id

    # --- what comes in

    async def _listen(self, early: dict[str, Any] | None) -> Ending:
        """Read the socket until the client goes or errs; `early` is a first message that was not the initiation."""
        try:
            if early is not None:
                await self._take(early)
            async for received in self._socket:
                message = read_message(received)
                self._log.note(str(message.get("type", "user_audio_chunk")))
                await self._take(message)
        except BadMessage as bad:
            return Ending(1008, str(bad), bad.error_type)
        return Ending(0)

    async def _take(self, message: dict[str, Any]) -> None:
        """Act on one message, which `read_message` has checked."""
        now = asyncio.get_running_loop().time()
        kind = message.get("type")
        if kind == "pong":
            sent_at = self._pings.pop(message["event_id"], None)
            self._ping_ms = self._ping_ms if sent_at is None else round((now - sent_at) * 1000)
            return
        self._heard_at = now
        if "user_audio_chunk" in message:
            await self._hear(message["user_audio_chunk"])
        elif kind == "user_message" and message.get("text"):
            await self._interrupt()
            self._turns.put_nowait(str(message["text"]))
        elif kind == "client_tool_result":
            self._log.tool_results.append({key: message[key] for key in ("tool_call_id", "result", "is_error")})
            waiting = self._tools.pop(message["tool_call_id"], None)
            if waiting is not None and not waiting.done():
                waiting.set_result((message["result"], message["is_error"]))

    async def _hear(self, audio: bytes) -> None:
        """Caller's audio as it came."""
        self._log.user_audio_bytes += len(audio)
        for event in self._caller.hear(audio):
            if isinstance(event, SpeechConfirmed):
                await self._interrupt()
            elif event.confirmed or not self._speaker.is_audible():
                self._turns.put_nowait(event)

    async def _interrupt(self) -> None:
        """Stop the reply that the caller is hearing, if any."""
        cut = self._speaker.interrupt()
        if cut is None or self._stage.fault == "silent":
            return
        self._was_cut = True
        await self._send(messages.interruption(self._next_id()))
        await self._send(messages.agent_response_correction(cut.original, cut.heard, cut.event_id))
        self._speaker.say_rest_of_interrupted()

    # --- turns

    async def _talk(self, opening: Opening) -> Ending:
        """Greet, then answer one turn after the other."""
        if self._stage.fault == "silent":
            await asyncio.Event().wait()
        if self._stage.fault == "malformed":
            for text in (
                "this is no JSON",
                '{"type": "mystery", "n": 1}',
                '{"type": "audio"}',
                "[]",
                '{"type": "ping"}',
            ):
                await self._socket.send_str(text)
        if opening.first_message:
            ended = await self._greet(opening)
            if ended is not None:
                return ended
        while True:
            words = await self._understand(await self._turns.get())
            if words is None:
                if self._was_cut:  # by noise, it seems: do not leave the caller in silence
                    self._was_cut = False
                    await self._say(_LISTENING, opening)
                continue
            self._was_cut = False
            if self._stage.fault == "slow" and not self._answered:
                await asyncio.sleep(_SLOW_S)
            self._answered = True
            reply, self._state = dialogue.answer(self._state, words)
            while reply.tool:
                result, is_error = await self._call_tool(reply.tool, reply.parameters)
                reply, self._state = dialogue.after_tool(self._state, reply.tool, result, is_error=is_error)
            await self._say(reply.text, opening)
            if reply.ends and self._turns.empty():
                call_id = self._next_tool_id()
                await self._send(
                    messages.agent_tool_response("end_call", call_id, "system", self._event_id, is_error=False)
                )
                return Ending(1000, "end_call")

    async def _greet(self, opening: Opening) -> Ending | None:
        """Say the first message; some faults end here."""
        fault = self._stage.fault
        if fault == "goodbye_1000":
            greeting = asyncio.create_task(self._say(opening.first_message, opening))
            await self._speaker.sent_some(2)
            greeting.cancel()
            self._speaker.stop()
            return Ending(1000, "end_call")
        await self._say(opening.first_message, opening)
        if fault == "drop":
            if self._request.transport is not None:
                self._request.transport.abort()
            return Ending(0)
        if fault == "flood":
            await self._speaker.flood(self._next_id())
        if fault == "tool_storm":
            for _ in range(_STORM_CALLS):
                await self._send(messages.client_tool_call("get_call_info", self._next_tool_id(), {}, self._event_id))
        closings = {
            "close_1002": Ending(1002, "LLM took too long", "llm_timeout"),
            "close_1008": Ending(1008, "Value is not allowed", "value_error"),
            "close_1011": Ending(1011, "Internal error", "unknown_websocket_crash"),
        }
        return closings.get(fault or "")

    async def _understand(self, turn: SpeechEnded | str) -> str | None:
        """The words of a turn, told to the client; None for no words."""
        if isinstance(turn, str):
            words: str | None = turn
        else:
            words = await self._stage.run_blocking(
                self._stage.recogniser.recognise, turn.pcm16, dialogue.phrases(self._state)
            )
        if words is None:
            return None
        self._log.transcripts.append(words)
        await self._send(messages.user_transcript(words, self._next_id()))
        return words

    async def _say(self, text: str, opening: Opening) -> None:
        """Speak `text` to its end, or until the caller interrupts."""
        rate_hz = parse_format(self._stage.output_format).rate_hz
        language = opening.language if text == opening.first_message else "en"
        speech: Speech = await asyncio.to_thread(
            self._stage.mouth.speak, text, opening.voice, language=language, rate_hz=rate_hz
        )
        await self._speaker.say(speech, self._next_id())

    def _next_tool_id(self) -> str:
        """The next tool_call_id."""
        self._tool_number += 1
        return f"call_{self._log.conversation_id[-6:]}_{self._tool_number}"

    async def _call_tool(self, name: str, parameters: dict[str, Any]) -> tuple[str, bool]:
        """Let the client run a tool: (result, is_error); silence for too long is an error."""
        call_id = self._next_tool_id()
        waiting: asyncio.Future[tuple[str, bool]] = asyncio.get_running_loop().create_future()
        self._tools[call_id] = waiting
        await self._send(messages.client_tool_call(name, call_id, parameters, self._next_id()))
        try:
            async with asyncio.timeout(self._stage.pace.tool_timeout_s):
                result, is_error = await waiting
        except TimeoutError:
            result, is_error = "timed out", True
        finally:
            self._tools.pop(call_id, None)
        await self._send(messages.agent_tool_response(name, call_id, "client", self._event_id, is_error=is_error))
        return result, is_error

    async def _keep_alive(self) -> Ending:
        """Ping, and end a conversation in which the client says nothing."""
        loop = asyncio.get_running_loop()
        number = 0
        while True:
            number += 1
            self._pings[number] = loop.time()
            await self._send(messages.ping(number, self._ping_ms))
            await asyncio.sleep(self._stage.pace.ping_s)
            if loop.time() - self._heard_at > self._stage.pace.receive_timeout_s:
                return Ending(1002, "No user input received", "transport_receive_timeout")
