"""When a request to the vendor is sent again, after which pause, and how often: the one place where that is decided.

`Repeat` says what the request bears, the error what may pass. An answer that names its own pause is obeyed up to
`LONGEST_PAUSE_S`. "Too many at once" waits until one of our own requests has ended; everything else waits ever longer,
and never all at the same moment. A budget that all requests of a client share keeps a vendor who fails for all of them
from being asked many times more often than before. tenacity counts and waits. See docs/decisions/0014.

Source: https://elevenlabs.io/docs/eleven-api/resources/errors
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from tenacity import AsyncRetrying, RetryCallState, stop_after_attempt, stop_before_delay, wait_random_exponential

from ivr_bridge.elevenlabs.rest.breaker import VendorDown
from ivr_bridge.elevenlabs.rest.request import Repeat, Request
from ivr_bridge.errors import VendorBusy, VendorError, VendorUnreachable
from ivr_bridge.telemetry.events import VENDOR_RETRIED
from ivr_bridge.telemetry.log import Log

MOST_ATTEMPTS = 4
MOST_S = 60.0
"""From the first attempt; one that would begin later is not made."""

LONGEST_PAUSE_S = 30.0
"""However long the vendor asks for in `Retry-After`."""

FIRST_PAUSE_S = 0.5
"""At most, before the second attempt; twice that before each further one. Each pause is random below its bound."""

BUDGET = 25.0
"""Repeats that all requests of a client may spend at once."""
REFUND = 0.2
"""Of a repeat, for each request that succeeds at once; one that needed repeats gives them back wholly."""

T = TypeVar("T")

_PASSING = (408, 409, 425)
"""With 5xx: what may be gone the next time. 409: someone else was changing the same thing."""


class Repeats:
    """Sends requests until they succeed, or may not be sent again. One for a client.

    Args:
        log: of the server.
        room: waits until one of our own requests has ended.
    """

    __slots__ = ("_budget", "_log", "_room")

    def __init__(self, log: Log, room: Callable[[], Awaitable[None]]) -> None:
        self._log = log
        self._room = room
        self._budget = BUDGET

    async def run(self, request: Request, attempt: Callable[[], Awaitable[T]]) -> T:
        """What `attempt` gives at last. Cancelling is safe while it pauses, else as safe as `attempt` is.

        Raises:
            VendorError: of the last attempt.
        """
        crowded = False
        spent = 0

        async def once() -> T:
            nonlocal crowded
            if crowded:
                await self._room()
            crowded = False
            try:
                return await attempt()
            except VendorBusy as error:
                crowded = error.kind == "concurrency" and error.retry_after_s is None
                raise

        def again(state: RetryCallState) -> bool:
            error = state.outcome.exception() if state.outcome else None
            return isinstance(error, VendorError) and may_repeat(request.repeat, error) and self._budget >= 1

        def before_sleep(state: RetryCallState) -> None:
            nonlocal spent
            spent += 1
            self._budget -= 1
            self._log.emit(
                VENDOR_RETRIED,
                request=request.what,
                attempt=state.attempt_number + 1,
                wait_s=state.upcoming_sleep,
                error=str(state.outcome.exception() if state.outcome else ""),
            )

        answer: T = await AsyncRetrying(
            stop=stop_after_attempt(MOST_ATTEMPTS) | stop_before_delay(MOST_S),
            wait=pause_s,
            retry=again,
            before_sleep=before_sleep,
            reraise=True,
        )(once)
        self._budget = min(BUDGET, self._budget + (spent or REFUND))
        return answer


def may_repeat(repeat: Repeat, error: VendorError) -> bool:
    """Whether a request that failed like this may be sent once more."""
    if repeat is Repeat.NEVER or isinstance(error, VendorDown):
        return False
    if isinstance(error, VendorBusy):
        return True
    if isinstance(error, VendorUnreachable):
        return repeat is Repeat.SAFE or not error.sent
    return repeat is Repeat.SAFE and (error.status >= 500 or error.status in _PASSING)


_random_pause_s = wait_random_exponential(multiplier=FIRST_PAUSE_S, max=LONGEST_PAUSE_S)


def pause_s(state: RetryCallState) -> float:
    """How long to wait before the next attempt; 0 where `Repeats` waits for room instead."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, VendorError) and error.retry_after_s is not None:
        return min(error.retry_after_s, LONGEST_PAUSE_S)
    if isinstance(error, VendorBusy) and error.kind == "concurrency":
        return 0.0  # `once` waits for room
    return _random_pause_s(state)
