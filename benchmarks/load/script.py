"""What every call of a run does, and the numbers of the pretended vendors."""

from dataclasses import dataclass

FRAME_S = 0.02
CHUNK_FRAMES = 10
"""Frames in one message of the agent's: 200 ms, sent as fast as they are played."""
TALK_S, QUIET_S = 4.0, 4.0
FIRST_TURN_S = 1.0
"""From the open conversation to the agent's first reply; its first words come at once."""
GREETING_CHUNKS = 3
PING_EVERY_S = 2.0

PASSTHROUGH, PCM = "ulaw_8000", "pcm_16000"
FORMATS = (PASSTHROUGH, PCM)
MAX_CALLS = 500
"""What the numbers in PCM words can hold."""

AUTH_TOKEN = "benchmark-auth-token"
ACCOUNT_SID = "AC" + "0" * 32
PUBLIC_HOST = "bridge.example"
PUBLIC_BASE_URL = f"https://{PUBLIC_HOST}"
VOICE_PATH = "/twilio/voice"
AGENT_ID = "agent_benchmark"
FIRST_MESSAGE = "Hello, how can I help you?"


@dataclass(frozen=True, slots=True)
class Script:
    """One run: so many calls, started at a steady pace, measured for `seconds` once all are up."""

    calls: int
    seconds: float
    audio_format: str = PASSTHROUGH
    calls_per_s: float = 50.0
    settle_s: float = 2.0
