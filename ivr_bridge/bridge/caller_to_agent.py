"""The caller's voice on its way to the agent.

In matching formats the base64 text is carried over untouched; else it is decoded, resampled and encoded again.
"""

from binascii import a2b_base64, b2a_base64
from collections.abc import Callable

from ivr_bridge.audio.formats import MULAW_SILENCE, AudioFormat
from ivr_bridge.audio.framer import base64_bytes
from ivr_bridge.audio.levels import is_silent_mulaw
from ivr_bridge.audio.transcoder import Transcoder
from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.legs import AgentLeg
from ivr_bridge.twilio.stream_events import CallerAudio

TELEPHONE = AudioFormat("ulaw", 8000)
KEPT_BEFORE_CONNECT = 100
"""Frames (2 s) kept for an agent that is still being connected; older ones are dropped."""
LISTEN_EVERY = 5
"""Every fifth frame is measured: enough to know that somebody speaks, and free."""
SPEECH_DBOV = -40.0
SPEECH_FRAMES = 3
"""Measured frames in a row (300 ms) that count as speech."""


class CallerToAgent:
    """One direction of a call. `audio` is called for every frame and never waits."""

    __slots__ = ("_account", "_agent", "_chain", "_gone", "_loud", "_on_speech", "_waiting", "muted")

    def __init__(self, account: CallAccount, on_speech: Callable[[], None]) -> None:
        self._account = account
        self._agent: AgentLeg | None = None
        self._chain: Transcoder | None = None
        self._waiting: list[str] = []
        self._loud = 0
        self._on_speech = on_speech
        self._gone = False
        self.muted = False
        """Whether the agent hears silence instead of the caller, who is keying in what is no concern of its."""

    def connect(self, agent: AgentLeg) -> str:
        """Send what was kept, and from now on everything.

        Returns:
            The chain as text, for the log.

        Raises:
            AudioFormatError: no chain to the format that the agent announced.
        """
        chain = Transcoder(TELEPHONE, agent.input_format)
        self._chain = None if chain.is_passthrough else chain
        self._agent = agent
        self._gone = False
        for payload in self._waiting:
            self._send(payload)
        self._waiting.clear()
        return str(chain)

    def disconnect(self) -> None:
        """The agent is gone: what the caller still says is for nobody, and no loss."""
        self._gone = True
        self._agent = None
        self._waiting.clear()

    def expect(self) -> None:
        """Another agent is on its way: what the caller says is kept for it."""
        self._gone = False

    def audio(self, event: CallerAudio) -> None:
        """Carry one frame over; a gap before it becomes silence, so that the agent's clock stays right."""
        account = self._account
        account.frames_in += 1
        if account.frames_in % LISTEN_EVERY == 0:
            self._listen(event.payload)
        if self._gone:
            return
        if event.gap_ms:
            account.gaps += 1
            account.gap_ms += event.gap_ms
            self._carry(_silence(event.gap_ms))
        self._carry(_silence(base64_bytes(event.payload) / 8) if self.muted else event.payload)

    def _carry(self, payload: str) -> None:
        if self._agent is not None:
            self._send(payload)
            return
        if len(self._waiting) == KEPT_BEFORE_CONNECT:
            del self._waiting[0]
            self._account.frames_dropped += 1
        self._waiting.append(payload)

    def _send(self, payload: str) -> None:
        account, agent = self._account, self._agent
        assert agent is not None  # noqa: S101 - set by connect(), which comes before
        account.bytes_in += base64_bytes(payload)
        if self._chain is not None:
            audio = self._chain.process(a2b_base64(payload))
            if not audio:
                return
            payload = b2a_base64(audio, newline=False).decode("ascii")
        if not agent.send_audio(payload):
            account.frames_dropped += 1

    def _listen(self, payload: str) -> None:
        if is_silent_mulaw(a2b_base64(payload), SPEECH_DBOV):
            self._loud = 0
            return
        self._loud += 1
        if self._loud >= SPEECH_FRAMES:
            self._on_speech()


def _silence(length_ms: float) -> str:
    return b2a_base64(bytes([MULAW_SILENCE]) * round(length_ms * 8), newline=False).decode("ascii")
