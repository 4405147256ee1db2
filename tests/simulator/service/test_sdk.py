"""The vendor's own Python SDK against the sandbox: its REST client and its Conversation."""

import asyncio
import audioop
import threading
import warnings
from collections.abc import Callable, Iterator

import httpx
import pytest

from ivr_bridge.simulator.service.app import run_service
from ivr_bridge.simulator.service.stage import Pace
from tests.simulator.service.caller import said, served

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the SDK imports what websockets has renamed
    from elevenlabs.client import ElevenLabs
    from elevenlabs.conversational_ai.conversation import AudioInterface, ClientTools, Conversation
    from elevenlabs.core.api_error import ApiError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """A sandbox in a thread of its own."""
    ready = threading.Event()
    found: list[int] = []
    loop = asyncio.new_event_loop()

    def tell(port: int) -> None:
        found.append(port)
        ready.set()

    options = {"output_format": "pcm_16000", "input_format": "pcm_16000", "pace": Pace(speed=50.0)}
    service = loop.create_task(run_service(0, on_ready=tell, **options))

    def serve() -> None:
        try:
            loop.run_until_complete(service)
        except asyncio.CancelledError:
            loop.close()

    thread = threading.Thread(target=serve)
    thread.start()
    assert ready.wait(20)
    yield f"http://127.0.0.1:{found[0]}"
    loop.call_soon_threadsafe(service.cancel)
    thread.join(20)


@pytest.fixture
def client(base_url: str) -> Iterator[ElevenLabs]:
    with httpx.Client(follow_redirects=True) as http:  # the SDK does not close one of its own
        yield ElevenLabs(api_key="sk_test", base_url=base_url, httpx_client=http)


class Line(AudioInterface):
    """Says one thing once the agent has spoken, and counts what it hears."""

    def __init__(self) -> None:
        self.heard_bytes = 0
        self.heard_a_second = threading.Event()
        self.say: Callable[[bytes], None] = lambda _: None

    def start(self, input_callback: Callable[[bytes], None]) -> None:
        self.say = input_callback

    def stop(self) -> None:
        self.say = lambda _: None

    def output(self, audio: bytes) -> None:
        self.heard_bytes += len(audio)
        if self.heard_bytes >= 32000:
            self.heard_a_second.set()

    def interrupt(self) -> None:
        """Playing stops; nothing is queued here."""


def wide(text: str) -> bytes:
    return audioop.ratecv(said(text), 2, 1, 8000, 16000, None)[0]


@pytest.mark.parametrize("requires_auth", [False, True])
def test_conversation(client: ElevenLabs, requires_auth: bool):
    said_by_agent: list[str] = []
    understood: list[str] = []
    answered = threading.Event()
    tools_called: list[dict] = []
    tools = ClientTools()

    def tell_number(parameters: dict) -> str:
        tools_called.append(parameters)
        return '{"caller": "+15550100001"}'

    def agent_said(text: str) -> None:
        said_by_agent.append(text)
        answered.set()

    tools.register("get_call_info", tell_number)
    line = Line()
    conversation = Conversation(
        client,
        "agent_sandbox_private" if requires_auth else "agent_sandbox_desk",
        requires_auth=requires_auth,
        audio_interface=line,
        client_tools=tools,
        callback_agent_response=agent_said,
        callback_user_transcript=understood.append,
    )
    conversation.start_session()
    try:
        assert answered.wait(20)
        assert line.heard_a_second.wait(20)
        answered.clear()
        audio = wide("what is my number")
        for start in range(0, len(audio), 8000):
            line.say(audio[start : start + 8000])
        assert answered.wait(20)
    finally:
        conversation.end_session()
        conversation.wait_for_session_end()
    assert said_by_agent[0].startswith("Welcome to the Harbour Kitchen")
    assert understood == ["what is my number"]
    assert len(tools_called) == 1
    assert "+15550100001" in said_by_agent[1]


def test_rest(client: ElevenLabs):
    agents = client.conversational_ai.agents.list().agents
    agent = client.conversational_ai.agents.get(agents[0].agent_id)
    assert agent.conversation_config.agent.first_message.startswith("Welcome")
    assert agent.conversation_config.tts.agent_output_audio_format == "pcm_16000"
    assert agent.platform_settings.auth.enable_auth is False
    assert agent.platform_settings.overrides.conversation_config_override.agent.first_message is True
    voice_id = agent.conversation_config.tts.voice_id
    audio = b"".join(client.text_to_speech.convert(voice_id, text="Hello there.", output_format="ulaw_8000"))
    assert len(audio) > 4000
    streamed = b"".join(client.text_to_speech.stream(voice_id, text="Hello there.", output_format="ulaw_8000"))
    assert len(streamed) == pytest.approx(len(audio), rel=0.02)
    assert client.voices.get(voice_id).labels["gender"] == "female"
    assert len(client.voices.get_all().voices) == client.voices.search().total_count
    assert client.models.list()[0].maximum_text_length_per_request == 40000
    assert client.user.subscription.get().tier == "sandbox"
    signed = client.conversational_ai.conversations.get_signed_url(agent_id=agent.agent_id)
    assert signed.signed_url.startswith("ws://")


def test_errors_reach_the_sdk(client: ElevenLabs):
    with pytest.raises(ApiError) as refused:
        b"".join(client.text_to_speech.convert("nobody", text="Hello", output_format="ulaw_8000"))
    assert (refused.value.status_code, refused.value.body["detail"]["code"]) == (400, "voice_not_found")


def test_a_language_preset_is_read(client: ElevenLabs):
    agent = client.conversational_ai.agents.get("agent_sandbox_polyglot")
    assert agent.conversation_config.language_presets["es"].overrides.agent.first_message.startswith("Bienvenido")
    assert agent.conversation_config.agent.prompt.built_in_tools.language_detection.name == "language_detection"


async def test_a_registered_call_is_twiml():
    async with served() as server:
        with httpx.Client() as http:
            client = ElevenLabs(api_key="any", base_url=str(server.make_url("")).rstrip("/"), httpx_client=http)
            text = await asyncio.to_thread(
                client.conversational_ai.twilio.register_call,
                agent_id="agent_sandbox_desk",
                from_number="+15550100001",
                to_number="+15550100002",
            )
    assert "<Response><Say" in text
