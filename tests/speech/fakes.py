"""Stand-ins for the vendor's voice and the store, and a log to throw away."""

import asyncio
import math
import random
from array import array
from typing import Any

from ivr_bridge.errors import StoreError
from ivr_bridge.speech.voice import Voice

VOICE = Voice("voice_1", "eleven_flash_v2_5", {"speed": 1.0})


def speech(*, words: int = 4, dbov: float = -30.0, lead_ms: int = 300, trail_ms: int = 500, seed: int = 1) -> bytes:
    """PCM16 at 16 kHz that has the shape of speech: humming words with pauses of 80 ms, and silence around them."""
    rng = random.Random(seed)
    amplitude = 32768 * 10 ** (dbov / 20) * 1.6
    samples = [0.0] * (16 * lead_ms)
    for word in range(words):
        length = 16 * rng.randrange(180, 320)
        pitch = rng.uniform(100, 220)
        for n in range(length):
            swell = math.sin(math.pi * n / length)
            wave = sum(math.sin(2 * math.pi * pitch * h * n / 16000) / h for h in (1, 3, 7, 13))
            samples.append(amplitude * swell * wave)
        if word < words - 1:
            samples += [0.0] * (16 * 80)
    samples += [0.0] * (16 * trail_ms)
    return array("h", (max(-32768, min(32767, round(sample))) for sample in samples)).tobytes()


SPEECH = speech(words=1)


class FakeVendor:
    """Text to speech that can fail, be slow, and counts."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.fault: Exception | None = None
        self.bad_texts: dict[str, Exception] = {}
        self.gate: asyncio.Event | None = None
        self.at_once = self.most_at_once = 0

    async def __call__(
        self,
        *,
        voice_id: str,
        text: str,
        model_id: str,
        language_code: str | None,
        voice_settings: dict[str, Any] | None,
    ) -> bytes:
        self.asked.append(
            {"voice_id": voice_id, "text": text, "model_id": model_id, "language": language_code, "set": voice_settings}
        )
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await (self.gate.wait() if self.gate else asyncio.sleep(0))
            if fault := self.bad_texts.get(text, self.fault):
                raise fault
            return SPEECH
        finally:
            self.at_once -= 1


class FakeStore:
    """A store in a dict that can be lost."""

    def __init__(self) -> None:
        self.values: dict[str, bytes] = {}
        self.ttls_s: dict[str, float | None] = {}
        self.lost = False

    async def get(self, key: str) -> bytes | None:
        if self.lost:
            raise StoreError("lost")
        return self.values.get(key)

    async def set(self, key: str, value: bytes, *, ttl_s: float | None) -> None:
        if self.lost:
            raise StoreError("lost")
        self.values[key] = value
        self.ttls_s[key] = ttl_s
