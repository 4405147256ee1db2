"""The front door of the telephone network: place a call, get the account of it.

line = Line(server_url="http://127.0.0.1:8080", public_base_url=None, auth_token=token)
report = await Phone(line).call(CallScript((Say(speak("What are your opening hours?")),)))
"""

from __future__ import annotations

from collections.abc import Callable

import aiohttp

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import CallScript
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.leg import new_call_sid
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.placed_call import PlacedCall
from ivr_bridge.simulator.phone.report import CallReport, PhoneEvent
from ivr_bridge.simulator.phone.webhooks import Webhooks

__all__ = ["CallReport", "CallScript", "Line", "Phone", "PhoneEvent", "PhoneFaults", "new_call_sid"]

GOOD = PhoneFaults()
"""A network without a fault."""


class Phone:
    """A telephone on a line. Calls may run side by side; they share nothing but a network, if one is given."""

    def __init__(
        self,
        line: Line,
        *,
        faults: PhoneFaults = GOOD,
        on_event: Callable[[PhoneEvent], None] | None = None,
        network: Network | None = None,
    ) -> None:
        self._line = line
        self._faults = faults
        self._on_event = on_event
        self._network = network

    async def call(self, script: CallScript, *, call_sid: str | None = None) -> CallReport:
        """Place one call in real time and live through it.

        Total: whatever the server does ends in a report (`reason` `unreachable`: nobody at the URL). Cancelling hangs
        up (`stop`, close, status callback; at most a few seconds) and raises CancelledError. With `call_sid` the caller
        of this can watch the call from its first moment.
        """
        log = CallLog(call_sid or new_call_sid(), self._on_event)
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            webhooks = Webhooks(session, self._line, self._faults)
            call = PlacedCall(self._line, webhooks, script, self._faults, log, network=self._network)
            await call.run()
        return log.report(call.recording, call.caller)
