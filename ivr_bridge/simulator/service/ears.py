"""The agent's ears: where in the caller's audio somebody speaks.

Per 20 ms frame at 8 kHz: the WebRTC detector in its strictest mode AND a level above the line's own noise floor. Three
voiced frames in a row begin an utterance; 200 ms of voice with a
pitch confirm it (that is when a speaking agent is interrupted; noise has no pitch);
560 ms without voice end it. What had too little voice (a click, a cough) is forgotten.
"""

import audioop
import importlib
import math
from collections import deque
from dataclasses import dataclass
from typing import Any

from ivr_bridge.errors import MissingExtraError
from ivr_bridge.simulator.service.pitch import pitched_share

RATE_HZ = 8000
FRAME_MS = 20
FRAME_BYTES = RATE_HZ * FRAME_MS // 1000 * 2
_GATE_DB = 8.0
_LOWEST_FLOOR_DBOV = -66.0
_FLOOR_RISE_DB = 0.06
_ONSET_FRAMES = 3
_CONFIRM_FRAMES = 10
_END_FRAMES = 28
_PRE_ROLL_FRAMES = 12
_SHORTEST_FRAMES = 7
_LONGEST_FRAMES = 600
_PITCHED_ENOUGH = 0.4


@dataclass(frozen=True, slots=True)
class SpeechConfirmed:
    """The caller has been speaking for 200 ms."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The caller has stopped: `pcm16` at 8 kHz with some silence around, of which `voiced_ms` was voice.

    `confirmed` says whether a SpeechConfirmed came before.
    """

    pcm16: bytes
    voiced_ms: int
    confirmed: bool


EarEvent = SpeechConfirmed | SpeechEnded


class Ears:
    """Listens to one caller.

    Raises:
        MissingExtraError: the extra [sandbox] is not installed.
    """

    def __init__(self) -> None:
        self._vad: Any = _strict_detector()
        self._rest = b""
        self._floor_dbov = _LOWEST_FLOOR_DBOV
        self._recent: deque[bytes] = deque(maxlen=_PRE_ROLL_FRAMES)
        self._run = 0
        self._utterance: list[bytes] = []
        self._voiced = 0
        self._quiet = 0
        self._confirmed = False

    def hear(self, pcm16: bytes) -> list[EarEvent]:
        """Listen to the next piece of audio, PCM16 at 8 kHz of any even length; cheap (some 10 us a frame)."""
        events: list[EarEvent] = []
        audio = self._rest + pcm16
        whole = len(audio) - len(audio) % FRAME_BYTES
        self._rest = audio[whole:]
        for start in range(0, whole, FRAME_BYTES):
            event = self._frame(audio[start : start + FRAME_BYTES])
            if event is not None:
                events.append(event)
        return events

    def _frame(self, frame: bytes) -> EarEvent | None:
        """One frame of 20 ms."""
        voiced = self._is_voice(frame)
        if not self._utterance:
            self._recent.append(frame)
            self._run = self._run + 1 if voiced else 0
            if self._run >= _ONSET_FRAMES:
                self._utterance = list(self._recent)
                self._voiced, self._quiet, self._confirmed = self._run, 0, False
            return None
        self._utterance.append(frame)
        self._voiced += voiced
        self._quiet = 0 if voiced else self._quiet + 1
        if self._quiet >= _END_FRAMES or len(self._utterance) >= _LONGEST_FRAMES:
            return self._end()
        if not self._confirmed and voiced and self._voiced >= _CONFIRM_FRAMES:
            recent = b"".join(self._utterance[-_CONFIRM_FRAMES:])
            self._confirmed = pitched_share(recent)[0] >= _PITCHED_ENOUGH
            return SpeechConfirmed() if self._confirmed else None
        return None

    def _end(self) -> EarEvent | None:
        """Close the utterance and say what it was."""
        pcm16, voiced, confirmed = b"".join(self._utterance), self._voiced, self._confirmed
        self._utterance, self._run = [], 0
        self._recent.clear()
        return SpeechEnded(pcm16, voiced * FRAME_MS, confirmed) if voiced >= _SHORTEST_FRAMES else None

    def _is_voice(self, frame: bytes) -> bool:
        """Whether the frame is voice; follows the noise floor (down at once, up slowly)."""
        rms = audioop.rms(frame, 2)
        level_dbov = 20 * math.log10(rms / 32768) if rms else -96.0
        loud = level_dbov > self._floor_dbov + _GATE_DB
        self._floor_dbov = max(min(level_dbov, self._floor_dbov + _FLOOR_RISE_DB), _LOWEST_FLOOR_DBOV)
        return bool(loud and self._vad.is_speech(frame, RATE_HZ))


def _strict_detector() -> Any:
    """A WebRTC voice activity detector in mode 3, or the error that says how to get it."""
    try:
        return importlib.import_module("webrtcvad").Vad(3)
    except ImportError as error:
        raise MissingExtraError("sandbox", "the offline agent") from error
