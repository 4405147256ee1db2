"""Whether a caller speaks, frame by frame: louder than the noise of the line, which is learnt meanwhile.      pure"""

from ivr_bridge.audio.levels import mulaw_dbov

ABOVE_NOISE_DB = 10.0
LEAST_DBOV, MOST_DBOV = -50.0, -36.0
"""Below the one nothing is a voice, however still the line; above the other everything is, however noisy."""
FIRST_NOISE_DBOV = -60.0
NOISE_RISES_DB_PER_S = 2.0
"""It falls at once and rises slowly, so that words are not taken for it."""


class VoiceGauge:
    """Tells voice from a line's noise. One for each recording; give it every piece once, in order.

    `voice_ms` is how much voice there was in all, `quiet_ms` how long there has been none.
    """

    __slots__ = ("_noise_dbov", "quiet_ms", "voice_ms")

    def __init__(self) -> None:
        self._noise_dbov = FIRST_NOISE_DBOV
        self.voice_ms = 0.0
        self.quiet_ms = 0.0

    def hear(self, mulaw: bytes) -> bool:
        """Whether this piece (mu-law, a frame or a few) is voice."""
        length_ms = len(mulaw) / 8
        level_dbov = mulaw_dbov(mulaw)
        voice = level_dbov >= min(max(self._noise_dbov + ABOVE_NOISE_DB, LEAST_DBOV), MOST_DBOV)
        self._noise_dbov = min(level_dbov, self._noise_dbov + NOISE_RISES_DB_PER_S * length_ms / 1000)
        if voice:
            self.voice_ms += length_ms
            self.quiet_ms = 0.0
        else:
            self.quiet_ms += length_ms
        return voice

    def gap(self, length_ms: float) -> None:
        """Audio that was lost: nobody knows, so it is quiet."""
        self.quiet_ms += length_ms
