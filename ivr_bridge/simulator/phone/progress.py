"""Call progress events: what a call's status callback is told, in order."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime

from ivr_bridge.simulator.phone.call_account import CallAccount
from ivr_bridge.simulator.phone.webhooks import Webhooks


class Progress:
    """One call's status callback.

    Args:
        webhooks: how it is asked.
        account: of the call.
        params: makes the parameters that every webhook of the call carries.
        url: absolute; empty: nobody wants to know.
        method: POST or GET.
        events: of initiated, ringing, answered, completed; the last stands for every end.

    Source: https://www.twilio.com/docs/voice/api/call-resource#statuscallbackevent
    """

    def __init__(
        self,
        webhooks: Webhooks,
        account: CallAccount,
        params: Callable[..., dict[str, str]],
        *,
        url: str,
        method: str = "POST",
        events: frozenset[str] = frozenset({"completed"}),
    ) -> None:
        self._webhooks = webhooks
        self._account = account
        self._params = params
        self._url = url
        self._method = method
        self._events = events
        self._sequence = 0
        self._is_done = False

    async def turn(self, status: str, **more: str) -> None:
        """The call is in another state now: enter it, and tell whoever wants to know. After an end nothing is told."""
        if self._is_done:
            return
        self._account.turn(status)
        event = {"queued": "initiated", "ringing": "ringing", "in-progress": "answered"}.get(status, "completed")
        self._is_done = event == "completed"
        number, self._sequence = self._sequence, self._sequence + 1
        if not self._url or event not in self._events:
            return
        ended = {"CallDuration": str(self._account.duration_s)} if event == "completed" else {}
        params = self._params(
            CallStatus="initiated" if event == "initiated" else status,
            SequenceNumber=str(number),
            Timestamp=format_datetime(datetime.now(UTC)),
            CallbackSource="call-progress-events",
            **ended,
            **more,
        )
        await self._webhooks.tell(self._url, params, method=self._method)
