"""Keys that an agent presses, as tones in its own stream.                                                     pure

Most machines at the other end listen for tones, as they come. Those that do not need the carrier to press the keys.
Source: https://www.itu.int/rec/T-REC-Q.24
"""

import re

from ivr_bridge.audio.formats import MULAW_SILENCE
from ivr_bridge.audio.g711 import mulaw_encode
from ivr_bridge.audio.tones import DBM0_DBOV, dtmf
from ivr_bridge.speech.prompt import Prompt

ON_MS, OFF_MS = 100, 80
PAIR_DBM0 = -10.0
PAUSE = "w"
PAUSE_MS = 500
MAX_KEYS = 32
"""As many as Twilio takes when it makes a call."""
_KEYS = re.compile(rf"[0-9A-D*#{PAUSE}]{{1,{MAX_KEYS}}}")
_MULAW_BYTES_PER_MS = 8


def keys_of(text: str) -> str | None:
    """The keys of a number as people write it; None when it has none, too many, or something else in it."""
    keys = re.sub(r"[\s().,;-]", "", text).upper().replace("W", PAUSE)
    return keys if _KEYS.fullmatch(keys) and keys.strip(PAUSE) else None


def key_tones(keys: str) -> Prompt:
    """What the other end hears: each key 100 ms on and 80 ms off, -10 dBm0; `w` is half a second of silence."""
    mulaw = b"".join(
        bytes([MULAW_SILENCE]) * (PAUSE_MS * _MULAW_BYTES_PER_MS)
        if key == PAUSE
        else mulaw_encode(dtmf(key, on_ms=ON_MS, off_ms=OFF_MS, pair_dbov=DBM0_DBOV + PAIR_DBM0))
        for key in keys
    )
    return Prompt(name="keys", language="", text="", mulaw=mulaw)
