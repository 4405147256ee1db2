"""One timer for all calls: 20 slots of 1 ms, each call in one of them, so that frames come evenly as from a network."""

import asyncio
import time
from collections.abc import Callable

from benchmarks.load.script import FRAME_S

SLOTS = 20
SLOT_S = FRAME_S / SLOTS
_SPREAD = 7
"""Prime to `SLOTS`: calls that begin together do not send together."""

Tick = Callable[[float], None]


class Pacer:
    """Calls `tick(now)` of everything added, every 20 ms. A slot that is late is made up for, never skipped."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._slots: list[list[Tick]] = [[] for _ in range(SLOTS)]
        self._due_at = time.perf_counter()
        self._slot = 0
        self._timer = self._loop.call_later(SLOT_S, self._run)
        self.late_ms: list[float] = []
        """How late each slot was since the last `clear`."""

    def add(self, number: int, tick: Tick) -> None:
        """From now on `tick` is called, in the slot of `number`."""
        self._slots[number * _SPREAD % SLOTS].append(tick)

    def stop(self) -> None:
        """No more ticks."""
        self._timer.cancel()

    def _run(self) -> None:
        now = time.perf_counter()
        slots_left = SLOTS  # what has arrived meanwhile is read between two rounds, however late we are
        while self._due_at <= now and slots_left:
            slots_left -= 1
            self.late_ms.append((now - self._due_at) * 1000)
            for tick in self._slots[self._slot]:
                tick(now)
            self._slot = (self._slot + 1) % SLOTS
            self._due_at += SLOT_S
            now = time.perf_counter()
        self._timer = self._loop.call_later(SLOT_S, self._run)
