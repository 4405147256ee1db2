"""The one chain that turns a direction's source format into its target format, chosen at set-up and printed once."""

from collections.abc import Callable

from ivr_bridge.audio.formats import AudioFormat, Codec
from ivr_bridge.audio.g711 import alaw_decode, alaw_encode, mulaw_decode, mulaw_encode
from ivr_bridge.audio.resample import Resampler

CHAIN_VERSION = "1"
"""Raise it whenever the same input gives other bytes: cached prompts are then made again."""

_DECODE: dict[Codec, Callable[[bytes], bytes]] = {"ulaw": mulaw_decode, "alaw": alaw_decode}
_ENCODE: dict[Codec, Callable[[bytes], bytes]] = {"ulaw": mulaw_encode, "alaw": alaw_encode}


class Transcoder:
    """The audio path of one direction of one call: decode, change the rate, encode; each only where needed.

    Equal formats are left untouched: ask `is_passthrough` first and carry the vendor's base64 text over as it is.

    Args:
        source: what comes in.
        target: what goes out.

    Raises:
        AudioFormatError: a rate that cannot be converted. Formats check themselves, so nothing fails later.
    """

    __slots__ = ("_decode", "_encode", "_resampler", "source", "target")

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self.source = source
        self.target = target
        self._decode = _DECODE.get(source.codec)
        self._encode = _ENCODE.get(target.codec)
        # Between equal rates it still keeps the half sample at the end of a chunk.
        self._resampler = Resampler(source.rate_hz, target.rate_hz)

    def __str__(self) -> str:
        """The chain by its formats: `ulaw_8000 -> pcm_8000 -> pcm_16000`, `ulaw_8000 -> ulaw_8000 (untouched)`."""
        if self.is_passthrough:
            return f"{self.source} -> {self.target} (untouched)"
        linear = [f"pcm_{self.source.rate_hz}", f"pcm_{self.target.rate_hz}"]
        return " -> ".join(dict.fromkeys([str(self.source), *linear, str(self.target)]))

    @property
    def is_passthrough(self) -> bool:
        """Nothing is done to the bytes."""
        return self.source == self.target

    @property
    def delay_ms(self) -> float:
        """By how much the output lags the input: the resampler's delay; G.711 has none."""
        return self._resampler.delay_ms

    def process(self, audio: bytes) -> bytes:
        """The next output for the next input, in order.

        Args:
            audio: any number of bytes in the source format; half a PCM sample at the end is kept for the next call.

        Returns:
            Bytes in the target format: n frames of 20 ms for n frames of 20 ms, from the first. When untouched, the
            input itself.
        """
        if self.is_passthrough:
            return audio
        if self._decode is not None:
            audio = self._decode(audio)
        audio = self._resampler.process(audio)
        return audio if self._encode is None else self._encode(audio)

    def flush(self) -> bytes:
        """What still lags behind (`delay_ms`) at the end of a segment, in the target format; then as new."""
        tail = self._resampler.flush()
        return tail if self._encode is None else self._encode(tail)

    def reset(self) -> None:
        """Forget all that came in: after a barge-in, what follows does not continue what was."""
        self._resampler.reset()
