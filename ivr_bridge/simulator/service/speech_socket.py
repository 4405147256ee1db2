"""The WebSockets of text to speech: one text (`stream-input`), or several at once (`multi-stream-input`).

Source: the vendor's AsyncAPI of text to speech
"""

import asyncio
import json
from typing import Any

from aiohttp import WSMsgType, web

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.keys import Keys
from ivr_bridge.simulator.service.models import DEFAULT_MODEL, MODELS
from ivr_bridge.simulator.service.mouth import Mouth
from ivr_bridge.simulator.service.refusals import Refusal, bad_key
from ivr_bridge.simulator.service.speech_context import SpeechContext, SpeechFault, SpeechHouse
from ivr_bridge.simulator.service.speech_rest import allowed_voice
from ivr_bridge.simulator.service.text_schedule import TextSchedule
from ivr_bridge.simulator.service.wire_audio import parse_format

_MOST_CONTEXTS = 5
_LONGEST_IDLE_S = 180
_WATCH_S = 0.05
_POLICY_VIOLATION = 1008
_NO_SOCKET = ("eleven_v3", "eleven_v4")
_KEYS = ("xi_api_key", "xi-api-key")


class SpeechSocketDoor:
    """Opens speech sockets."""

    def __init__(self, account: Account, keys: Keys, mouth: Mouth, idle_s: float) -> None:
        """`idle_s` is how long a text may be silent when the query does not say it."""
        self._account = account
        self._keys = keys
        self._mouth = mouth
        self._idle_s = idle_s
        self._open: set[web.WebSocketResponse] = set()

    def routes(self) -> list[web.RouteDef]:
        """Both sockets."""
        one = "/v1/text-to-speech/{voice_id}"
        return [web.get(f"{one}/stream-input", self._one), web.get(f"{one}/multi-stream-input", self._several)]

    async def _one(self, request: web.Request) -> web.StreamResponse:
        """For one text."""
        return await self._hold(request, multi=False)

    async def _several(self, request: web.Request) -> web.StreamResponse:
        """For several."""
        return await self._hold(request, multi=True)

    async def _hold(self, request: web.Request, *, multi: bool) -> web.StreamResponse:
        key = request.headers.get("xi-api-key")
        if key is not None and not self._keys.accepts(key):
            raise bad_key()
        socket = web.WebSocketResponse(timeout=2.0)
        await socket.prepare(request)
        self._open.add(socket)
        try:
            await self._speak(request, socket, multi=multi, is_known=key is not None)
        except SpeechFault as fault:
            await _close(socket, fault)
        except ConnectionError:
            pass
        finally:
            self._open.discard(socket)
        return socket

    async def _speak(self, request: web.Request, socket: web.WebSocketResponse, *, multi: bool, is_known: bool) -> None:
        house = self._house(request)
        idle_s = _idle_s(request.query.get("inactivity_timeout"), self._idle_s)
        speech = _Speech(house, socket, self._keys, multi=multi, at_once=request.query.get("auto_mode") == "true")
        await speech.run(idle_s, is_known=is_known)

    def _house(self, request: web.Request) -> SpeechHouse:
        """Voice, format and language.

        Raises:
            SpeechFault: one of them, or the model, cannot be.
        """
        model_id = request.query.get("model_id", DEFAULT_MODEL)
        if model_id.startswith(_NO_SOCKET) or model_id not in MODELS:
            raise SpeechFault("model_not_supported", f"The model {model_id[:40]} is not available on this socket.")
        name = request.query.get("output_format", "mp3_44100_128")
        try:
            wire = parse_format(name, speech=True)
        except ValueError as error:
            raise SpeechFault("output_format_not_supported", f"The sandbox has no format {name[:40]}.") from error
        if wire.codec == "wav":
            raise SpeechFault("output_format_not_supported", f"{name} is not for sockets.")
        try:
            voice = allowed_voice(self._account, request.match_info["voice_id"])
        except Refusal as refused:
            raise SpeechFault(refused.code, str(refused)) from refused
        return SpeechHouse(self._account, self._mouth, voice, wire, request.query.get("language_code", ""))

    async def close(self, _app: web.Application) -> None:
        """End the sockets that are left, when the sandbox stops."""
        for socket in list(self._open):
            await socket.close(code=1001, message=b"sandbox stops")


class _Speech:
    """One socket: its contexts by id; on a socket for one text the only one has the id ""."""

    def __init__(
        self, house: SpeechHouse, socket: web.WebSocketResponse, keys: Keys, *, multi: bool, at_once: bool
    ) -> None:
        self._house = house
        self._socket = socket
        self._keys = keys
        self._multi = multi
        self._at_once = at_once
        self._contexts: dict[str, SpeechContext] = {}
        self._is_known = False
        self._is_closing = False
        self._number = 0

    async def run(self, idle_s: float, *, is_known: bool) -> None:
        """Until the last text has been spoken, or the client goes.

        Raises:
            SpeechFault: the socket is to be closed for it.
        """
        self._is_known = is_known
        tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._watch(idle_s))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            for context in list(self._contexts.values()):
                await context.close()
        if not self._socket.closed:
            await self._socket.close()

    async def _listen(self) -> None:
        """What the client says."""
        async for received in self._socket:
            if received.type is not WSMsgType.TEXT:
                raise SpeechFault("invalid_message", "Only text messages are allowed.")
            try:
                message = json.loads(received.data)
            except ValueError as error:
                raise SpeechFault("invalid_message", "The message is not JSON.") from error
            if not isinstance(message, dict):
                raise SpeechFault("invalid_message", "The message is not an object.")
            self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        """Act on one message."""
        if self._multi and message.get("close_socket"):
            self._is_closing = True
            for one in self._contexts.values():
                one.end(drop_rest=True)
            return
        name = str(message.get("context_id") or "default") if self._multi else ""
        context = self._contexts.get(name)
        if context is None or context.is_ending:
            if context is not None and not self._multi:
                return
            if message.get("close_context"):
                return
            self._begin(name, message)
            return
        text = message.get("text") or ""
        if not isinstance(text, str):
            raise SpeechFault("invalid_message", "Input should be a valid string: text")
        if self._multi and message.get("close_context"):
            context.end(drop_rest=True)
        elif text == "" and not self._multi:
            context.end(drop_rest=False)
        else:
            trigger = bool(message.get("try_trigger_generation"))
            context.hear(text, trigger=trigger, flush=bool(message.get("flush")))

    def _begin(self, name: str, message: dict[str, Any]) -> None:
        """A text's first message: a single space, its settings, and the key if the upgrade had none."""
        if not self._is_known:
            given = next((message[key] for key in _KEYS if isinstance(message.get(key), str)), None)
            if not self._keys.accepts(given):
                raise SpeechFault("invalid_api_key", "Invalid API key")
            self._is_known = True
        text = message.get("text")
        if not isinstance(text, str) or (not self._multi and text != " "):
            raise SpeechFault("invalid_message", "The first message must have a text of one space.")
        before = self._make_room(name)
        config = message.get("generation_config") or {}
        try:
            asked = {"schedule": config["chunk_length_schedule"]} if config.get("chunk_length_schedule") else {}
            schedule = TextSchedule(**asked, at_once=self._at_once)
        except (ValueError, TypeError, AttributeError) as error:
            raise SpeechFault("invalid_generation_config", str(error)) from error
        shown, send = name if self._multi else None, self._socket.send_json
        context = SpeechContext(self._house, schedule, shown, send, after=before)
        self._contexts[name] = context
        if text.strip():
            context.hear(text, flush=bool(message.get("flush")))

    def _make_room(self, name: str) -> SpeechContext | None:
        """Forget contexts that have said all; one that is still saying its rest gives its id away, and is given."""
        for key, one in list(self._contexts.items()):
            if one.task.done():
                self._contexts.pop(key).task.result()
        old = self._contexts.pop(name, None)
        if old is not None:
            self._number += 1
            self._contexts[f"{name} before {self._number}"] = old
        if sum(not one.is_ending for one in self._contexts.values()) >= _MOST_CONTEXTS:
            words = f"Maximum simultaneous contexts per WebSocket connection exceeded ({_MOST_CONTEXTS})"
            raise SpeechFault("max_contexts_exceeded", words)
        return old

    async def _watch(self, idle_s: float) -> None:
        """End when everything is spoken; end what is silent for too long."""
        loop = asyncio.get_running_loop()
        began_at = loop.time()
        while True:
            await asyncio.sleep(min(_WATCH_S, idle_s))
            for context in self._contexts.values():
                if context.task.done():
                    context.task.result()  # a fault of its is the socket's
            ended = all(context.task.done() for context in self._contexts.values())
            if ended and (self._is_closing or (self._contexts and not self._multi)):
                return
            now = loop.time()
            if not self._contexts and now - began_at > idle_s:
                raise _too_idle(idle_s)
            for context in self._contexts.values():
                if not context.is_ending and now - context.heard_at > idle_s:
                    if not self._multi:
                        raise _too_idle(idle_s)
                    context.end(drop_rest=True)


def _too_idle(idle_s: float) -> SpeechFault:
    text = f"Have not received a new text input within the timeout of {idle_s:g} seconds. Streaming input terminated."
    return SpeechFault("input_timeout_exceeded", text)


def _idle_s(asked: str | None, default: float) -> float:
    """How long a text may be silent."""
    if asked is None:
        return default
    try:
        seconds = int(asked)
    except ValueError as error:
        raise SpeechFault("invalid_message", "Input should be a valid integer: inactivity_timeout") from error
    if not 1 <= seconds <= _LONGEST_IDLE_S:
        raise SpeechFault("invalid_message", f"Input should be 1 to {_LONGEST_IDLE_S}: inactivity_timeout")
    return float(seconds)


async def _close(socket: web.WebSocketResponse, fault: SpeechFault) -> None:
    """Say why, then close; a client that has gone is no fault."""
    try:
        await socket.send_json({"message": str(fault), "error": fault.error, "code": _POLICY_VIOLATION})
        await socket.close(code=_POLICY_VIOLATION, message=str(fault).encode()[:120])
    except ConnectionError:
        return
