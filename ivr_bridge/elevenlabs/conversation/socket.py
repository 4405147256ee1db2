"""The agent's leg: the WebSocket around a protocol object.

Messages are read the moment they arrive, so that a ping is answered at once however slow the receiver is. Nothing here
decides what a message means; what is decided here is when the leg counts as open (the vendor announced its formats),
what a failed opening is called, and that the end is one last event.
"""

import asyncio
from collections.abc import Callable, Mapping

from ivr_bridge import __version__
from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.elevenlabs.conversation.dialects import TODAY, Codec, Dialect
from ivr_bridge.elevenlabs.conversation.events import (
    AgentEvent,
    ConversationStarted,
    VendorFaulted,
)
from ivr_bridge.elevenlabs.conversation.protocol import ConversationState, DynamicVariable
from ivr_bridge.elevenlabs.inbox import WebSocketClosed
from ivr_bridge.elevenlabs.rest.errors import parse_error
from ivr_bridge.elevenlabs.websocket import WebSocket, WebSocketRefused
from ivr_bridge.errors import AgentError, AgentRefused, AgentUnreachable, AudioFormatError, VendorRejected

SOURCE_INFO = {"source": "ivr_bridge", "version": __version__}

_POLICY_VIOLATION = 1008
_REASON_CHARS = 200

_Message = list[AgentEvent] | Exception
"""What waits to be received: the events of one message, or what the sink raised at it."""


class AgentConversation:
    """One open conversation with an agent; make it with `AgentConversation.open` or an `AgentDialler`.

    One task receives; whoever likes sends, without waiting. What is sent after the end, or has no place in the
    dialect, is dropped and counted (`dropped_messages`), and so is audio while the vendor reads too slowly
    (`dropped_frames`).
    `opened_at` is the instant of the metadata on the event loop's clock, `heard_at` that of the last message.
    """

    __slots__ = (
        "_early", "_fault", "_format_error", "_protocol", "_sink", "_started", "_websocket", "dropped_frames",
        "dropped_messages", "heard_at", "opened_at",
    )  # fmt: skip

    def __init__(self, protocol: Codec) -> None:
        self._protocol = protocol
        self._websocket: WebSocket[_Message] | None = None
        self._sink: Callable[[AgentEvent], None] | None = None
        self._started: ConversationStarted | None = None
        self._early: list[AgentEvent] = []
        self._fault: VendorFaulted | None = None
        self._format_error: AudioFormatError | None = None
        self.opened_at = 0.0
        self.heard_at = asyncio.get_running_loop().time()
        self.dropped_frames = 0
        self.dropped_messages = 0

    @classmethod
    async def open(
        cls,
        *,
        url: str,
        headers: Mapping[str, str] | None = None,
        overrides: Mapping[str, object] | None = None,
        dynamic_variables: Mapping[str, DynamicVariable] | None = None,
        user_id: str | None = None,
        dialect: Dialect = TODAY,
        open_timeout_s: float = 5.0,
        metadata_timeout_s: float = 5.0,
    ) -> "AgentConversation":
        """Connect, send the initiation before anything else, and wait until the vendor announces its formats.

        Args:
            url: of the conversation; a signed one is a secret and appears in no error and no log line.
            headers: of the handshake, such as the key.
            overrides: see `ConversationProtocol.initiation`, like `dynamic_variables` and `user_id`.
            dynamic_variables: the agent's `{{name}}` -> value.
            user_id: the vendor's word for who is calling.
            dialect: what the server speaks.
            open_timeout_s: until the handshake is done.
            metadata_timeout_s: from there until the metadata.

        Returns:
            An open conversation; its first `receive` gives everything that has come so far, the
            `ConversationStarted` among it. Close it, whatever happens.

        Raises:
            AgentRefused: 401, 403, 404 and their like, or closed with 1008 before it began: never try again.
            AgentUnreachable: no connection, a time limit, 429, 5xx, or closed otherwise before it began.
            AudioFormatError: the agent is set to a format that we cannot speak.
        """
        conversation = cls(dialect.codec())
        initiation = conversation._protocol.initiation(
            overrides=overrides, dynamic_variables=dynamic_variables, user_id=user_id, source_info=SOURCE_INFO
        )

        def initiate(websocket: WebSocket[_Message]) -> None:
            conversation._websocket = websocket
            if initiation is not None:
                websocket.send(initiation)
            conversation._early = conversation._enter(conversation._protocol.opened())

        try:
            await WebSocket.open(
                url, read=conversation._read, opened=initiate, headers=headers, open_timeout_s=open_timeout_s
            )
        except WebSocketRefused as error:
            raise _refusal(error) from error
        except TimeoutError as error:
            raise AgentUnreachable(f"the conversation's socket did not open in {open_timeout_s:g} s") from error
        except OSError as error:
            raise AgentUnreachable(f"the conversation's socket did not open: {error}") from error
        except ValueError as error:
            raise AgentRefused(f"the conversation's address is {error}") from error
        await conversation._wait_for_metadata(metadata_timeout_s)
        return conversation

    @property
    def conversation_id(self) -> str:
        """The vendor's id of this conversation."""
        return self._announced.conversation_id

    @property
    def input_format(self) -> AudioFormat:
        """What the agent hears."""
        return self._announced.input_format

    @property
    def output_format(self) -> AudioFormat:
        """What the agent speaks."""
        return self._announced.output_format

    @property
    def stale_audio(self) -> int:
        """Chunks dropped because an interruption had made them void."""
        return self._protocol.stale_audio

    def quiet_s(self, now: float) -> float:
        """How long nothing at all has come, pings included."""
        return now - self.heard_at

    @property
    def noted_messages(self) -> int:
        """Documented messages that changed nothing."""
        return self._protocol.noted_messages

    @property
    def unknown_messages(self) -> int:
        """Messages that were not documented, or malformed."""
        return self._protocol.unknown_messages

    def hear(self, sink: Callable[[AgentEvent], None] | None) -> None:
        """Give events to `sink` instead of through `receive`; None: no more.

        At once those that have come already, then each the moment it arrives, before any task wakes. `sink` must not
        wait. The `ConversationClosed` still comes through `receive`, and so does what `sink` raises.
        """
        if sink is not None:
            early, self._early = self._early, []
            for message in (early, *self._socket.take_all()):
                for event in _events(message):
                    sink(event)
        self._sink = sink

    async def receive(self) -> list[AgentEvent]:
        """The next events that no sink took, in order; at least one. Cancelling loses nothing.

        A `Pinged` among them has been answered. The last event is a `ConversationClosed`, and it is given again to
        whoever asks again; a close raises nothing.
        """
        if self._early:
            events, self._early = self._early, []
            return events
        try:
            return _events(await self._socket.receive())
        except WebSocketClosed as closed:
            return [self._protocol.close(closed.close_code, closed.reason)]

    def send_audio(self, payload: str) -> bool:
        """Send a piece of the caller's voice, in order, as it comes: never a backlog at once.

        Args:
            payload: base64 of audio in `input_format`, 20-60 ms.

        Returns:
            False when it was dropped: the conversation is over, or about 2 s of audio wait for the vendor already.
        """
        if self._protocol.state is ConversationState.OPEN and self._socket.offer(self._protocol.user_audio(payload)):
            return True
        self.dropped_frames += 1
        return False

    def send_tool_result(self, tool_call_id: str, result: object, is_error: bool = False) -> None:
        """Answer a `ToolRequested`, once; `result` may be anything that JSON can hold.

        Raises:
            TypeError: it cannot.
        """
        if self._may_speak():
            self._send(self._protocol.tool_result(tool_call_id, result, is_error=is_error))

    def send_contextual_update(self, text: str, context_id: str | None = None) -> None:
        """Tell the agent a fact, without a turn; see `ConversationProtocol.contextual_update`."""
        if self._may_speak():
            self._send(self._protocol.contextual_update(text, context_id))

    def send_user_message(self, text: str) -> None:
        """Say something in the caller's place; the agent answers it."""
        if self._may_speak():
            self._send(self._protocol.user_message(text))

    def send_user_activity(self) -> None:
        """Tell the agent that the caller is there and busy."""
        if self._may_speak():
            self._send(self._protocol.user_activity())

    async def close(self, reason: str = "") -> None:
        """End the conversation with 1000; it takes a second at most. Call it as often as you like."""
        self._protocol.close(1000, reason)
        await self._socket.close(1000, reason)

    def abort(self) -> None:
        """Cut the conversation, without waiting."""
        self._protocol.close(1006, "aborted")
        self._socket.abort()

    async def _wait_for_metadata(self, timeout_s: float) -> None:
        events = self._early
        try:
            async with asyncio.timeout(timeout_s):
                while self._started is None:
                    events += _events(await self._socket.receive())
        except TimeoutError as error:
            self._socket.abort()
            raise AgentUnreachable(f"the agent announced no formats in {timeout_s:g} s") from error
        except WebSocketClosed as closed:
            if self._format_error is not None:
                raise self._format_error from closed
            raise self._closed_early(closed) from closed
        except asyncio.CancelledError:
            self._socket.abort()
            raise

    def _closed_early(self, closed: WebSocketClosed) -> AgentError:
        words = closed.reason or (self._fault.message if self._fault else "")
        text = f"closed with {closed.close_code} before it began: {words[:_REASON_CHARS] or 'no reason given'}"
        return AgentRefused(text) if closed.close_code == _POLICY_VIOLATION else AgentUnreachable(text)

    def _read(self, text: str) -> _Message | None:
        if self._protocol.state is ConversationState.CLOSED:
            return None
        self.heard_at = asyncio.get_running_loop().time()
        try:
            events = self._protocol.receive_text(text)
        except AudioFormatError as error:
            self._format_error = error
            self._socket.abort()
            return None
        self._enter(events)
        if self._sink is None:
            return events or None
        try:
            for event in events:
                self._sink(event)
        except Exception as error:  # noqa: BLE001 - not the network's: `receive` raises it in the call's own task
            self._sink = None
            return error
        return None

    def _enter(self, events: list[AgentEvent]) -> list[AgentEvent]:
        for event in events:
            if (answer := self._protocol.answer(event)) is not None:
                self._socket.send(answer)
            elif isinstance(event, ConversationStarted):
                self._started = event
                self.opened_at = asyncio.get_running_loop().time()
            elif isinstance(event, VendorFaulted):
                self._fault = event
        return events

    def _may_speak(self) -> bool:
        if self._protocol.state is ConversationState.OPEN:
            return True
        self.dropped_messages += 1
        return False

    def _send(self, text: str | None) -> None:
        if text is None or not self._socket.send(text):
            self.dropped_messages += 1

    @property
    def _announced(self) -> ConversationStarted:
        if self._started is None:  # open() gives nobody a conversation without it
            raise AgentUnreachable("the conversation has not begun")
        return self._started

    @property
    def _socket(self) -> WebSocket[_Message]:
        if self._websocket is None:
            raise AgentUnreachable("the conversation has no socket yet")
        return self._websocket


def _events(message: _Message) -> list[AgentEvent]:
    if isinstance(message, Exception):
        raise message
    return message


def _refusal(refused: WebSocketRefused) -> AgentError:
    answer = parse_error(refused.status, refused.headers, refused.body)
    text = f"the conversation was refused: {answer}"
    # A redirect would carry the key to another host: an address that needs one is a wrong setting.
    if isinstance(answer, VendorRejected) or 300 <= refused.status < 400:
        return AgentRefused(text)
    return AgentUnreachable(text)
