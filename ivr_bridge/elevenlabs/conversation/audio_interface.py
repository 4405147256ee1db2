"""Where a conversation without a phone gets its ears and its mouth: a microphone, a file, a test.

The methods are those of the vendor's own SDK, so that its interfaces can be used here as they are.
"""

import inspect
from collections.abc import Awaitable, Callable
from typing import Protocol

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.audio.framer import Framer
from ivr_bridge.audio.transcoder import Transcoder

USUAL_FORMAT = AudioFormat("pcm", 16000)
"""Of an interface that does not say: signed 16-bit little-endian, as the vendor's own interfaces have it."""

InputCallback = Callable[[bytes], object]


class AudioInterface(Protocol):
    """What a conversation asks of it; every method may be a coroutine.

    It may have an `audio_format`, such as `ulaw_8000`; without one it speaks and hears `pcm_16000`.
    """

    def start(self, input_callback: InputCallback) -> Awaitable[None] | None:
        """Begin. Give what is heard to `input_callback`, pieces of any length, from any thread, as it comes."""
        ...

    def stop(self) -> Awaitable[None] | None:
        """End; nothing is heard or played afterwards."""
        ...

    def output(self, audio: bytes) -> Awaitable[None] | None:
        """Play this after all that was given before; do not wait until it is heard."""
        ...

    def interrupt(self) -> Awaitable[None] | None:
        """Throw away everything that is not heard yet: the user speaks."""
        ...


class Ears:
    """What an interface hears, as the agent hears it: whole frames of 20 ms in the agent's format."""

    def __init__(self, source: AudioFormat, target: AudioFormat) -> None:
        self._transcoder = Transcoder(source, target)
        self._framer = Framer(source.frame_bytes)

    def push(self, audio: bytes) -> bytes:
        """The frames that are whole by now; empty when none is."""
        whole = self._framer.push(audio)
        return self._transcoder.process(whole) if whole else b""


def format_of(interface: object) -> AudioFormat:
    """What an interface speaks and hears.

    Raises:
        AudioFormatError: its `audio_format` is none that we know.
    """
    said = getattr(interface, "audio_format", None)
    if said is None or isinstance(said, AudioFormat):
        return said or USUAL_FORMAT
    return AudioFormat.parse(str(said))


async def done(result: object) -> object:
    """The result of a callback, whether it is a coroutine or not."""
    return await result if inspect.isawaitable(result) else result
