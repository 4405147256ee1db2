"""A part of the vendor that is down is not asked: who asks fails at once and hears when it is probed.

The parts (agents, signed URLs, text to speech ...) fail each for itself, so that one that is broken takes no other one
with it. The library counts and tells the time; what counts is decided here. See docs/decisions/0012 and 0014.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from circuitbreaker import CircuitBreaker  # type: ignore[import-untyped]

from ivr_bridge.errors import VendorError, VendorFailed, VendorUnreachable
from ivr_bridge.telemetry.events import VENDOR_LOST, VENDOR_RECOVERED
from ivr_bridge.telemetry.log import Log

FAILURES = 5
"""In a row, over all who ask this part; then it is down."""
PROBE_AFTER_S = 15
"""Whole seconds, as the library counts them; after a probe that failed it waits as long again."""

_OVERALL = "convai"


class VendorDown(VendorUnreachable):
    """Not asked, since it is known to be down; asking again at once changes nothing."""

    def __init__(self, part: str, *, probe_in_s: float | None) -> None:
        """Say when it is probed; None: just now, by another request."""
        when = "another request is probing it" if probe_in_s is None else f"next probe in {probe_in_s:g} s"
        super().__init__(f"{part} is down at the vendor; {when}", sent=False)
        self.retry_after_s = probe_in_s


class _Part:
    def __init__(self, name: str) -> None:
        self.name = name
        self.breaker = CircuitBreaker(FAILURES, PROBE_AFTER_S, VendorError, name=name)
        self.probed = False
        self.down_since: float | None = None


class VendorBreaker:
    """One for a client; shared by all who ask.

    Args:
        log: of the server.
    """

    __slots__ = ("_log", "_parts")

    def __init__(self, log: Log) -> None:
        self._log = log
        self._parts: dict[str, _Part] = {}

    def check(self, path: str) -> None:
        """Raise when the part is down and not to be probed now; costs nothing and changes nothing.

        Raises:
            VendorDown: says when it is probed.
        """
        part = self._parts.get(part_of(path))
        if part is None or part.breaker.closed:
            return
        if part.breaker.opened:
            raise VendorDown(part.name, probe_in_s=part.breaker.open_remaining)
        if part.probed:
            raise VendorDown(part.name, probe_in_s=None)

    @asynccontextmanager
    async def asking(self, path: str) -> AsyncIterator[None]:
        """Around one request to the vendor: learns from what it raises.

        Only a vendor that cannot be reached, or answers 5xx, counts; any other answer ends a row of failures, and a
        cancelled request changes nothing.

        Raises:
            VendorDown: as `check` says.
        """
        self.check(path)
        part = self._parts.setdefault(part_of(path), _Part(part_of(path)))
        probe = not part.breaker.closed
        part.probed = part.probed or probe
        try:
            yield
        except VendorError as error:
            if isinstance(error, VendorUnreachable) or (isinstance(error, VendorFailed) and error.status >= 500):
                self._failed(part, error)
            else:
                self._reached(part)
            raise
        else:
            self._reached(part)
        finally:
            if probe:
                part.probed = False

    def _failed(self, part: _Part, error: VendorError) -> None:
        # The library takes all but a failure for a success, a cancelled request too: it is told the outcome afterwards.
        with suppress(VendorError), part.breaker:
            raise error
        if part.breaker.opened and part.down_since is None:
            part.down_since = asyncio.get_running_loop().time()
            self._log.emit(
                VENDOR_LOST,
                part=part.name,
                failures=part.breaker.failure_count,
                probe_after_s=PROBE_AFTER_S,
                error=f"{error.code}: {error}",
            )

    def _reached(self, part: _Part) -> None:
        part.breaker.reset()
        if part.down_since is not None:
            down_s = asyncio.get_running_loop().time() - part.down_since
            part.down_since = None
            self._log.emit(VENDOR_RECOVERED, part=part.name, down_s=down_s)


def part_of(path: str) -> str:
    """Which part of the vendor a path leads to: `agents` for `/v1/convai/agents/x`, `voices` for `/v2/voices`."""
    names = [name for name in path.split("/")[2:] if name and name != _OVERALL]
    return names[0] if names else path
