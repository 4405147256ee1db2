"""A conversation with an agent without a phone, for people who use this package as a library.

    conversation = ElevenLabsConversation(agent_id="...", audio_interface=microphone, on_tool_use=run_tool)
    await conversation.start_session()
    closed = await conversation.wait_for_session_end()

It stands on the same socket and protocol object as the bridge. No callback holds up the reading of the socket: texts
are told in their order by one task, each tool runs in a task of its own, a plain function in a thread.
"""

import asyncio
import base64
import inspect
import os
from collections.abc import Callable, Mapping
from typing import Any

from ivr_bridge.audio.transcoder import Transcoder
from ivr_bridge.elevenlabs.conversation.audio_interface import AudioInterface, Ears, done, format_of
from ivr_bridge.elevenlabs.conversation.dialects import TODAY, Dialect
from ivr_bridge.elevenlabs.conversation.dialling import AgentAuth, AgentDialler
from ivr_bridge.elevenlabs.conversation.events import (
    AgentAudio,
    AgentEvent,
    AgentResponded,
    CallerTranscribed,
    ConversationClosed,
    Interrupted,
    ToolRequested,
)
from ivr_bridge.elevenlabs.conversation.protocol import DynamicVariable
from ivr_bridge.elevenlabs.conversation.socket import AgentConversation
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.errors import LocalProtocolError, ToolError
from ivr_bridge.settings import read_settings
from ivr_bridge.telemetry.events import SESSION_CALLBACK_FAILED
from ivr_bridge.telemetry.log import Log

ToolCallback = Callable[[str, dict[str, Any]], object]
"""Tool name and parameters -> its result, or a coroutine of it; `ToolError` carries a sentence for the agent."""

TextCallback = Callable[[str], object]

_VARIABLES = ("ELEVENLABS_API_KEY", "ELEVENLABS_BASE_URL", "ELEVEN_LABS_API_KEY", "ELEVEN_LABS_BASE_URL")
_NO_TOOLS = "This tool is not available."
_FAILED = "The tool failed."


class ElevenLabsConversation:
    """One conversation; `start_session` once, then `end_session` or the agent's own end.

    Args:
        agent_id: who answers.
        audio_interface: ears and mouth, see `AudioInterface`; None for a conversation in text alone.
        on_tool_use: runs the agent's client tools; without it the agent hears that there are none.
        on_agent_response: is told each text of the agent.
        on_user_transcript: is told what the agent understood.
        client: host and key; it stays open when the conversation ends. Without one the environment says them, as it
            does for the server (`ELEVENLABS_API_KEY`, `ELEVENLABS_BASE_URL`).
        auth: see `dialling`.
        overrides: `conversation_config_override`; the agent must allow each field.
        dynamic_variables: every `{{name}}` that the agent uses.
        user_id: the vendor's word for who speaks.
        dialect: what the server speaks.
        log: for callbacks that fail.
    """

    def __init__(
        self,
        agent_id: str,
        audio_interface: AudioInterface | None = None,
        on_tool_use: ToolCallback | None = None,
        on_agent_response: TextCallback | None = None,
        on_user_transcript: TextCallback | None = None,
        *,
        client: ElevenLabsAPIClient | None = None,
        auth: AgentAuth = "signed_url",
        overrides: Mapping[str, object] | None = None,
        dynamic_variables: Mapping[str, DynamicVariable] | None = None,
        user_id: str | None = None,
        dialect: Dialect = TODAY,
        log: Log | None = None,
    ) -> None:
        self._log = log or Log()
        self._interface = audio_interface
        self._on_tool_use = on_tool_use
        self._on_agent_response = on_agent_response
        self._on_user_transcript = on_user_transcript
        self._owns_client = client is None
        self._client = client or _client_of_environment(self._log)
        self._dialler = AgentDialler(
            self._client, agent_id, log=self._log, auth=auth, overrides=overrides, dialect=dialect
        )
        self._dynamic_variables = dynamic_variables
        self._user_id = user_id
        self._started = False
        self._leg: AgentConversation | None = None
        self._mouth: Transcoder | None = None
        self._texts: asyncio.Queue[tuple[TextCallback | None, str]] = asyncio.Queue()
        self._tools: set[asyncio.Task[None]] = set()
        self._session: asyncio.Task[ConversationClosed] | None = None

    @property
    def conversation_id(self) -> str:
        """The vendor's id; empty before `start_session`."""
        return self._leg.conversation_id if self._leg is not None else ""

    async def start_session(self) -> None:
        """Open the conversation and let both sides hear each other; the agent may speak at once.

        Raises:
            AgentRefused: key, agent id, override or variable; never try again.
            AgentUnreachable: may be tried again, with a new object.
            AudioFormatError: a format that we cannot speak.
            LocalProtocolError: started before.
        """
        if self._started:
            raise LocalProtocolError("a conversation is started once; make another one")
        self._started = True
        try:
            await self._begin()
        except BaseException:
            await self._close_own_client()
            raise

    async def _begin(self) -> None:
        self._leg = leg = await self._dialler.dial(dynamic_variables=self._dynamic_variables, user_id=self._user_id)
        try:
            if self._interface is not None:
                spoken = format_of(self._interface)
                self._mouth = Transcoder(leg.output_format, spoken)
                await done(self._interface.start(self._ears_of(leg, Ears(spoken, leg.input_format))))
        except BaseException:
            await leg.close()
            raise
        self._session = asyncio.create_task(self._run(leg), name="conversation")

    async def end_session(self) -> None:
        """End it; afterwards nothing is heard, played or called. Call it as often as you like."""
        if self._leg is not None:
            await self._leg.close("ended by the user")
        if self._session is not None:
            await asyncio.wait({self._session})

    async def wait_for_session_end(self) -> ConversationClosed:
        """How it ended: 1000 is a normal end by either side. Cancelling is safe, the conversation goes on.

        Raises:
            LocalProtocolError: not started.
        """
        if self._session is None:
            raise LocalProtocolError("the conversation has not been started")
        return await asyncio.shield(self._session)

    def send_user_message(self, text: str) -> None:
        """Say something in the user's place; the agent answers it."""
        self._open_leg.send_user_message(text)

    def send_contextual_update(self, text: str, context_id: str | None = None) -> None:
        """Tell the agent a fact, without a turn."""
        self._open_leg.send_contextual_update(text, context_id)

    def send_user_activity(self) -> None:
        """Tell the agent that the user is there and busy."""
        self._open_leg.send_user_activity()

    @property
    def _open_leg(self) -> AgentConversation:
        if self._leg is None:
            raise LocalProtocolError("the conversation has not been started")
        return self._leg

    def _ears_of(self, leg: AgentConversation, ears: Ears) -> Callable[[bytes], None]:
        loop = asyncio.get_running_loop()

        def hear(audio: bytes) -> None:
            piece_bytes = leg.input_format.frame_bytes * 3
            heard = ears.push(audio)
            for start in range(0, len(heard), piece_bytes):
                leg.send_audio(base64.b64encode(heard[start : start + piece_bytes]).decode())

        def callback(audio: bytes) -> None:  # a sound card calls from a thread of its own
            if not loop.is_closed():
                loop.call_soon_threadsafe(hear, audio)

        return callback

    async def _run(self, leg: AgentConversation) -> ConversationClosed:
        telling = asyncio.create_task(self._tell_texts(), name="conversation texts")
        try:
            while True:
                for event in await leg.receive():
                    if isinstance(event, ConversationClosed):
                        return event
                    await self._take(leg, event)
        finally:
            if self._interface is not None:
                await self._safely("stop", self._interface.stop)
            await leg.close()
            for task in self._tools:
                task.cancel()
            self._texts.put_nowait((None, ""))
            await asyncio.wait({telling, *self._tools})
            await self._close_own_client()

    async def _close_own_client(self) -> None:
        if self._owns_client:
            await self._client.close()

    async def _take(self, leg: AgentConversation, event: AgentEvent) -> None:
        if isinstance(event, AgentAudio) and self._interface is not None and self._mouth is not None:
            audio = self._mouth.process(base64.b64decode(event.payload))
            await self._safely("output", self._interface.output, audio)
        elif isinstance(event, Interrupted) and self._interface is not None and self._mouth is not None:
            self._mouth.reset()
            await self._safely("interrupt", self._interface.interrupt)
        elif isinstance(event, AgentResponded) and self._on_agent_response is not None:
            self._texts.put_nowait((self._on_agent_response, event.text))
        elif isinstance(event, CallerTranscribed) and self._on_user_transcript is not None:
            self._texts.put_nowait((self._on_user_transcript, event.text))
        elif isinstance(event, ToolRequested):
            task = asyncio.create_task(self._use_tool(leg, event), name=f"tool {event.tool_name}")
            self._tools.add(task)
            task.add_done_callback(self._tools.discard)

    async def _tell_texts(self) -> None:
        while True:
            callback, text = await self._texts.get()
            if callback is None:
                return
            await self._safely(_name(callback), callback, text)

    async def _use_tool(self, leg: AgentConversation, event: ToolRequested) -> None:
        run = self._on_tool_use
        if run is None:
            leg.send_tool_result(event.tool_call_id, _NO_TOOLS, is_error=True)
            return
        try:
            if inspect.iscoroutinefunction(run):
                result = await run(event.tool_name, event.parameters)
            else:
                result = await done(await asyncio.to_thread(run, event.tool_name, event.parameters))
            leg.send_tool_result(event.tool_call_id, "" if result is None else result)
        except ToolError as error:
            leg.send_tool_result(event.tool_call_id, str(error), is_error=True)
        except Exception as error:  # noqa: BLE001 - the border to somebody else's code: logged, and the agent is told
            self._log.emit(SESSION_CALLBACK_FAILED, callback="on_tool_use", error=type(error).__name__)
            leg.send_tool_result(event.tool_call_id, _FAILED, is_error=True)

    async def _safely(self, name: str, callback: Callable[..., object], *given: object) -> None:
        try:
            await done(callback(*given))
        except Exception as error:  # noqa: BLE001 - the border to somebody else's code: logged, the session goes on
            self._log.emit(SESSION_CALLBACK_FAILED, callback=name, error=type(error).__name__)


def _name(callback: Callable[..., object]) -> str:
    return getattr(callback, "__name__", type(callback).__name__)


def _client_of_environment(log: Log) -> ElevenLabsAPIClient:
    # The whole environment would be asked for the server's own agent, and here another one may be meant.
    environ = {name: value for name, value in os.environ.items() if name.upper() in _VARIABLES}
    settings = read_settings(environ, elevenlabs_agent_id="none")
    return ElevenLabsAPIClient(settings.elevenlabs_base_url, settings.elevenlabs_api_keys, log=log)
