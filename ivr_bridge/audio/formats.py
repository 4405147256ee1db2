"""What a leg speaks: a codec and a rate, by the vendor's name."""

from dataclasses import dataclass
from typing import Literal, Self, get_args

from ivr_bridge.errors import AudioFormatError

FRAME_MS = 20
"""The length of a frame; whole at every rate of `PCM_RATES_HZ`."""

PCM_RATES_HZ = (8000, 16000, 22050, 24000, 44100, 48000)
"""The rates of linear audio that an ElevenLabs agent may speak."""

G711_RATE_HZ = 8000
"""The only rate of G.711, and of the phone."""

MULAW_SILENCE = 0xFF
"""The mu-law byte of +0: pad with it, never with 0x00, which is the loudest negative value."""

ALAW_SILENCE = 0xD5
"""The A-law byte nearest to zero (+8 of 32,768; A-law has no zero)."""

PCM16_SILENCE = 0x00
"""Each of the two bytes of a zero sample."""

Codec = Literal["ulaw", "alaw", "pcm"]

_SILENCE: dict[Codec, int] = {"ulaw": MULAW_SILENCE, "alaw": ALAW_SILENCE, "pcm": PCM16_SILENCE}


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """One codec at one rate, mono: what `agent_output_audio_format` and its likes name.

    Args:
        codec: `ulaw` and `alaw` are G.711, one byte a sample; `pcm` is signed 16-bit little-endian, two bytes.
        rate_hz: 8000 for G.711; one of `PCM_RATES_HZ` for `pcm`.

    Raises:
        AudioFormatError: the codec or the rate is none of these; so a chain that cannot work fails at set-up.

    Source: https://elevenlabs.io/docs/api-reference/conversation-websocket (the audio formats of the metadata)
    """

    codec: Codec
    rate_hz: int

    def __post_init__(self) -> None:
        known = PCM_RATES_HZ if self.codec == "pcm" else (G711_RATE_HZ,)
        if self.codec not in get_args(Codec) or self.rate_hz not in known:
            raise AudioFormatError(
                f"unknown audio format {self.codec}_{self.rate_hz}; known: {', '.join(FORMAT_NAMES)}"
            )

    @classmethod
    def parse(cls, name: str) -> Self:
        """The format of a vendor's name, such as `pcm_16000`.

        Raises:
            AudioFormatError: not one of `FORMAT_NAMES`, spelled exactly so.
        """
        if name not in FORMAT_NAMES:
            raise AudioFormatError(f"unknown audio format {name!r}; known: {', '.join(FORMAT_NAMES)}")
        codec, _, rate = name.partition("_")
        return cls(codec, int(rate))  # type: ignore[arg-type]  # FORMAT_NAMES holds no other codec

    def __str__(self) -> str:
        return f"{self.codec}_{self.rate_hz}"

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample: 2 for `pcm`, else 1."""
        return 2 if self.codec == "pcm" else 1

    @property
    def bytes_per_s(self) -> int:
        """Bytes of one second."""
        return self.rate_hz * self.sample_bytes

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame of 20 ms: 160 for `ulaw_8000`, 640 for `pcm_16000`."""
        return self.bytes_per_s * FRAME_MS // 1000

    @property
    def silence_byte(self) -> int:
        """The byte that silence is made of; what `Framer.flush` pads with."""
        return _SILENCE[self.codec]

    def duration_ms(self, n_bytes: int) -> float:
        """How long so many bytes play, in ms; not rounded."""
        return n_bytes * 1000 / self.bytes_per_s

    def silence(self, duration_ms: int) -> bytes:
        """So many ms of silence, cut to whole samples (22,050 Hz has no whole number of them in 1 ms)."""
        return bytes([self.silence_byte]) * (self.rate_hz * duration_ms // 1000 * self.sample_bytes)


FORMAT_NAMES = ("ulaw_8000", "alaw_8000", *(f"pcm_{rate_hz}" for rate_hz in PCM_RATES_HZ))
"""Every name that `AudioFormat.parse` knows. `alaw_8000` is no agent's format, but that of some WAV files."""
