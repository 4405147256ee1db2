"""The ears' own thread: one recogniser for all conversations, one utterance or one lesson at a time."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

from ivr_bridge.simulator.service.recogniser import Recogniser


class Hearing:
    """Listens and learns without blocking the event loop; `close` it."""

    def __init__(self, recogniser: Recogniser) -> None:
        self._recogniser = recogniser
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sandbox-ears")
        self._closing = threading.Event()

    async def understand(self, pcm16: bytes, phrases: tuple[str, ...]) -> str | None:
        """As `Recogniser.recognise`. Cancelling it is safe; the utterance is then listened to for nobody."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._recogniser.recognise, pcm16, phrases)

    def learn(self, phrases: tuple[str, ...]) -> None:
        """Make ready for `phrases`, behind what is being listened to; returns at once."""
        self._thread.submit(self._recogniser.prepare, phrases, self._closing.is_set)

    def close(self) -> None:
        """Forget what waits and let what runs end soon; blocks for some milliseconds."""
        self._closing.set()
        self._thread.shutdown(wait=True, cancel_futures=True)
