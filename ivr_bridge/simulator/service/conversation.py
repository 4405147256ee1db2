"""One conversation on one WebSocket: what comes in, whose turn it is, how it ends.

Four tasks: one reads the socket and listens, one takes the caller's turns in order, one sends the current reply, one
sends pings and watches for silence; a fault that begins at a given moment has a fifth. The first of them that knows
how the conversation ends (an `Ending`) ends it.
event_id counts replies, interruptions and transcripts, so that a reply's id is always below that of the interruption
that cut it and above that of any earlier one.
"""

import asyncio
import json
from dataclasses import replace
from typing import Any

from aiohttp import WSMsgType, web

from ivr_bridge.simulator.service import dialogue, messages
from ivr_bridge.simulator.service.agents import Agent
from ivr_bridge.simulator.service.caller_audio import CallerAudio
from ivr_bridge.simulator.service.connection import reset, wait_until_gone
from ivr_bridge.simulator.service.conversation_record import ConversationRecord
from ivr_bridge.simulator.service.dialect import Dialect
from ivr_bridge.simulator.service.ears import SpeechConfirmed, SpeechEnded
from ivr_bridge.simulator.service.inbox import BadMessage
from ivr_bridge.simulator.service.initiation import InitiationRefused, Opening, open_with
from ivr_bridge.simulator.service.mouth import Speech
from ivr_bridge.simulator.service.recording import Recording
from ivr_bridge.simulator.service.request_log import ConversationLog
from ivr_bridge.simulator.service.speaker import Speaker
from ivr_bridge.simulator.service.stage import BROKEN, Ending, Stage
from ivr_bridge.simulator.service.tool_calls import ToolCalls
from ivr_bridge.simulator.service.wire_audio import parse_format

_STORM_CALLS = 20
_HALF_OPEN_AT_MOST_S = 300.0
_NOISE = (
    "this is no JSON",
    '{"type": "mystery", "n": 1}',
    '{"type": "audio"}',
    "[]",
    '{"type": "ping"}',
)
"""What the fault malformed sends."""
_ALWAYS = ("conversation_initiation_metadata", "error")
"""Sent whatever an agent's client_events say."""


class Conversation:
    """Holds one conversation; make it after the upgrade, then await `run`."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        request: web.Request,
        agent: Agent,
        stage: Stage,
        *,
        fault: str | None,
        log: ConversationLog,
        record: ConversationRecord,
        dialect: Dialect | None = None,
    ) -> None:
        """`fault` is this conversation's own; `record` is told what is said and done; `dialect` None: today's."""
        self._socket = socket
        self._request = request
        self._agent = agent
        self._stage = stage
        self._fault = fault
        self._fault_at_s = stage.plan.fault.at_s
        self._log = log
        self._record = record
        self._dialect = dialect or Dialect()
        self._sent_kinds = {*_ALWAYS, *agent.client_events}
        log.fault = fault
        self._caller = CallerAudio(parse_format(agent.input_format))
        self._wire = parse_format(agent.output_format)
        self._recording = Recording(parse_format(agent.input_format)) if stage.records else None
        self._speaker = Speaker(self._send, self._wire, stage.pace.piece_ms, stage.pace.speed, fault)
        self._state = dialogue.DialogueState(languages=agent.languages)
        self._turns: asyncio.Queue[SpeechEnded | str] = asyncio.Queue()
        self._tools = ToolCalls(self._send, log.conversation_id, stage.pace.tool_timeout_s)
        self._event_id = 0
        self._pings: dict[int, float] = {}
        self._ping_ms: int | None = None
        self._heard_at = asyncio.get_running_loop().time()
        self._answered = False
        self._was_cut = False
        self._is_mute = False

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
            self._record.language = self._state.language
            audio = b"" if self._recording is None else self._recording.wav()
            self._record.end(ending.code, ending.reason, audio)
        if ending.code:
            await self._close(ending)

    async def _begin(self) -> Ending:
        """The client's first message, if its dialect has one, the metadata, then everything side by side."""
        early, client_data = None, {}
        try:
            if self._dialect.begins_with_client_data:
                message = await self._first_message()
                if message is None:
                    return Ending(0)
                begun = message.get("type") == "conversation_initiation_client_data"
                early, client_data = (None, message) if begun else (message, {})
            opening = open_with(self._agent, client_data)
            self._record.begin(client_data)
            self._state = replace(self._state, language=opening.language)
            self._log.first_message, self._log.language = opening.first_message, opening.language
        except TimeoutError:
            return Ending(1002, "No user input received", "transport_receive_timeout")
        except InitiationRefused as refusal:
            return Ending(1008, str(refusal), refusal.error_type)
        except BadMessage as bad:
            return Ending(1008, str(bad), bad.error_type)
        await self._send(
            messages.metadata(self._log.conversation_id, self._agent.output_format, self._agent.input_format)
        )
        work = [self._listen(early), self._talk(opening), self._keep_alive()]
        if self._fault_at_s is not None and self._fault is not None:
            work.append(self._break_at(self._fault_at_s))
        tasks = [asyncio.create_task(part) for part in work]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return next(iter(done)).result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _first_message(self) -> dict[str, Any] | None:
        """What the client says first; None when it goes instead."""
        async with asyncio.timeout(self._stage.pace.receive_timeout_s):
            first = await self._socket.receive()
        if first.type is not WSMsgType.TEXT and first.type is not WSMsgType.BINARY:
            return None
        message = self._dialect.read(first)
        self._log.note(str(message.get("type", "user_audio_chunk")))
        return message

    async def _close(self, ending: Ending) -> None:
        """Say why, then close; a client that has gone is no fault."""
        try:
            if ending.error_type:
                await self._send(messages.error(ending.error_type, ending.reason))
            await self._socket.close(code=ending.code, message=ending.reason.encode()[:120])
        except ConnectionError:
            return

    async def _send(self, message: dict[str, Any]) -> None:
        """One message as text; a mute conversation swallows it, and each that the agent is not set to send."""
        if self._is_mute or message["type"] not in self._sent_kinds:
            return
        written = self._dialect.write(message)
        if written is not None:
            await self._socket.send_str(json.dumps(written))

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
                if received.type is WSMsgType.PING and not self._is_mute:
                    await self._socket.pong(received.data)
                if self._is_mute or received.type in (WSMsgType.PING, WSMsgType.PONG):
                    continue
                message = self._dialect.read(received)
                self._log.note(str(message.get("type", "user_audio_chunk")))
                await self._take(message)
        except BadMessage as bad:
            return Ending(1008, str(bad), bad.error_type)
        if self._is_mute:
            await wait_until_gone(self._request, _HALF_OPEN_AT_MOST_S)
        return Ending(0)

    async def _take(self, message: dict[str, Any]) -> None:
        """Act on one message, which the dialect has checked."""
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
        elif kind == "interruption":
            await self._interrupt()
        elif kind == "contextual_update":
            self._note(str(message.get("context_id") or ""), message["text"])
        elif kind == "client_tool_result":
            message["tool_call_id"] = message["tool_call_id"] or self._tools.id_of(message.get("tool_name", ""))
            self._log.tool_results.append({key: message[key] for key in ("tool_call_id", "result", "is_error")})
            self._tools.answered(message)

    def _note(self, context_id: str, text: str) -> None:
        """A fact for the agent; the words of a menu's options are learnt at once, in the ears' thread."""
        self._log.note_context(context_id, text)
        before = self._state.options
        self._state = dialogue.told(self._state, context_id, text)
        if self._state.options and self._state.options != before and self._stage.given is None:
            self._stage.hearing.learn(dialogue.phrases(self._state))

    async def _hear(self, audio: bytes) -> None:
        """Caller's audio as it came."""
        self._log.user_audio_bytes += len(audio)
        if self._recording is not None:
            self._recording.hear(audio)
        for event in self._caller.hear(audio):
            if isinstance(event, SpeechConfirmed):
                if self._dialect.interrupts_by_itself:
                    await self._interrupt()
            elif event.confirmed or not self._speaker.is_audible():
                self._turns.put_nowait(event)

    async def _interrupt(self) -> None:
        """Stop the reply that the caller is hearing, if any; an agent that sends no such event is not interrupted."""
        if "interruption" not in self._agent.client_events:
            return
        cut = self._speaker.interrupt()
        if cut is None or self._fault == "silent":
            return
        self._was_cut = True
        self._record.cut(cut.heard)
        if self._recording is not None:
            self._recording.cut()
        await self._send(messages.interruption(self._next_id()))
        await self._send(messages.agent_response_correction(cut.original, cut.heard, cut.event_id))
        self._speaker.say_rest_of_interrupted()

    # --- turns

    async def _talk(self, opening: Opening) -> Ending:
        """Greet, then answer one turn after the other."""
        if self._fault == "silent":
            await asyncio.Event().wait()
        if self._fault == "malformed":
            for text in _NOISE:
                await self._socket.send_str(text)
        ended = await self._greet(opening)
        if ended is not None:
            return ended
        while True:
            words = await self._understand(await self._turns.get())
            if words is None:
                if self._was_cut:  # by noise, it seems: do not leave the caller in silence
                    self._was_cut = False
                    await self._say(self._state.lines.listening, opening)
                continue
            self._was_cut = False
            if self._fault == "speechless":
                continue
            if self._fault == "slower" or (self._fault == "slow" and not self._answered):
                await asyncio.sleep(self._stage.pace.slow_s if self._fault == "slow" else self._stage.pace.slower_s)
            self._answered = True
            reply = await self._think(words)
            await self._say(reply.text, opening)
            if reply.ends and self._turns.empty():
                await self._tools.tell_system_tool("end_call", self._event_id)
                return Ending(1000, "end_call")

    async def _think(self, words: str) -> dialogue.Reply:
        """What to say to the caller's words, all tools called."""
        before = self._state.language
        reply, self._state = dialogue.answer(self._state, words)
        await self._tell_language(before)
        while reply.tool:
            before = self._state.language
            result, is_error = await self._call(reply.tool, reply.parameters)
            reply, self._state = dialogue.after_tool(self._state, reply, result, is_error=is_error)
            await self._tell_language(before)
        return reply

    async def _call(self, name: str, parameters: dict[str, Any]) -> tuple[str, bool]:
        """Let the client run a tool: (result, is_error); one that the agent does not have has failed."""
        if name not in self._agent.tools:
            return "There is no such tool.", True
        self._log.tool_calls.append({"tool_name": name, "parameters": parameters})
        result, is_error = await self._tools.call(name, parameters, self._next_id())
        self._record.tool(name, self._tools.last_id, parameters, result, is_error=is_error)
        return result, is_error

    async def _tell_language(self, before: str) -> None:
        """Tell the client when the agent has changed its language."""
        if self._state.language != before:
            self._log.language = self._state.language
            await self._tools.tell_system_tool("language_detection", self._event_id)

    async def _greet(self, opening: Opening) -> Ending | None:
        """Say the first message, if any; some faults end here."""
        fault = self._fault
        if fault == "goodbye_1000" and opening.first_message:
            greeting = asyncio.create_task(self._say(opening.first_message, opening))
            await self._speaker.sent_some(2)
            greeting.cancel()
            self._speaker.stop()
            return Ending(1000, "end_call")
        if opening.first_message:
            await self._say(opening.first_message, opening)
        if fault == "flood":
            await self._speaker.flood(self._next_id())
        if fault == "tool_storm":
            await self._tools.storm(_STORM_CALLS, self._event_id)
        return None if fault is None or self._fault_at_s is not None else self._break(fault)

    async def _break_at(self, at_s: float) -> Ending:
        """The fault that ends the conversation, so long after its metadata."""
        await asyncio.sleep(at_s)
        ending = self._break(self._fault or "")
        if ending is None:
            await asyncio.Event().wait()
        return ending or Ending(0)

    def _break(self, fault: str) -> Ending | None:
        """Let a fault of BREAKS happen; None when the conversation is not over by it."""
        if fault == "drop":
            reset(self._request)
            return Ending(0)
        self._is_mute = fault == "half_open"
        return BROKEN.get(fault)

    async def _understand(self, turn: SpeechEnded | str) -> str | None:
        """The words of a turn, told to the client; None for no words."""
        if isinstance(turn, str):
            words: str | None = turn
        elif self._stage.given is not None:
            words = self._stage.given.next() if turn.confirmed else None
        else:
            words = await self._stage.hearing.understand(turn.pcm16, dialogue.phrases(self._state))
        if words is None:
            return None
        self._log.transcripts.append(words)
        self._record.say("user", words, medium="text" if isinstance(turn, str) else "audio")
        await self._send(messages.user_transcript(words, self._next_id()))
        return words

    async def _say(self, text: str, opening: Opening) -> None:
        """Speak `text` to its end, or until the caller interrupts."""
        language, rate_hz = self._state.language, self._wire.rate_hz
        speech: Speech = await asyncio.to_thread(
            self._stage.mouth.speak, text, opening.voice, language=language, rate_hz=rate_hz
        )
        self._record.say("agent", text)
        if self._recording is not None:
            self._recording.say(speech.pcm16, rate_hz)
        await self._speaker.say(speech, self._next_id())

    async def _keep_alive(self) -> Ending:
        """Ping, and end a conversation in which the client says nothing, or that takes too long."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + self._agent.max_duration_s
        number = 0
        while True:
            number += 1
            self._pings[number] = loop.time()
            await self._send(messages.ping(number, self._ping_ms))
            left_s = self._stage.pace.ping_s if self._is_mute else max(ends_at - loop.time(), 0)
            await asyncio.sleep(min(self._stage.pace.ping_s, left_s))
            if not self._is_mute and loop.time() >= ends_at:
                return Ending(1000, "The conversation has reached its maximum duration", "max_duration_exceeded")
            if not self._is_mute and loop.time() - self._heard_at > self._stage.pace.receive_timeout_s:
                return Ending(1002, "No user input received", "transport_receive_timeout")
