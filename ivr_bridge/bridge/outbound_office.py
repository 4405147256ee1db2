"""Everything that calls people, joined: dials, callbacks, their queue, and what HTTP clients may ask of them."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from ivr_bridge.bridge.callback_offer import CallbackOffer
from ivr_bridge.bridge.callbacks import Callbacks
from ivr_bridge.bridge.desk import Desk
from ivr_bridge.bridge.dial_book import DialBook, Rows, Writer
from ivr_bridge.bridge.dial_queue import DialQueue
from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.bridge.journey import utc_now
from ivr_bridge.bridge.outbound import Outbound
from ivr_bridge.settings import Settings
from ivr_bridge.telemetry.log import Log
from ivr_bridge.telemetry.privacy import mask
from ivr_bridge.twilio.call_desk import IncomingCall
from ivr_bridge.twilio.rest import TwilioRest

NO_NUMBER = "OUTBOUND_CALLER_ID is not set: which number would call?"
NO_ACCOUNT = (
    "Twilio's REST API needs TWILIO_ACCOUNT_SID, and TWILIO_API_KEY_SID with TWILIO_API_KEY_SECRET or TWILIO_AUTH_TOKEN"
)


class Ledger(Writer, Protocol):
    """What `Records` do here."""

    @property
    def database(self) -> Rows:
        """Where it can be read."""
        ...


class OutboundOffice:
    """One for the process. Promises are taken from its making on; `run` calls people, where that is set up.

    Args:
        settings: of the environment.
        rest: of the account; None without credentials.
        records: where promises are written and read.
        desk: takes the calls that are answered.
        ivr: the configuration of now.
        base_url: as Twilio reaches us, now.
        log: of the server.
        wall: tells the time, with a zone.
    """

    def __init__(
        self,
        settings: Settings,
        rest: TwilioRest | None,
        *,
        records: Ledger,
        desk: Desk,
        ivr: Callable[[], Ivr],
        base_url: Callable[[], str],
        log: Log,
        wall: Callable[[], datetime] = utc_now,
    ) -> None:
        self._settings = settings
        self._desk = desk
        self._ivr = ivr
        self._book = DialBook(records, records.database)
        self.callbacks = Callbacks(self._book, settings, ivr, log, wall=wall)
        self.offer = CallbackOffer(self.callbacks)
        desk.take_callbacks(self.callbacks, self.offer.offer if settings.callbacks else None)
        self.hindrance = NO_NUMBER if settings.outbound_caller_id is None else NO_ACCOUNT if rest is None else None
        self.outbound = Outbound(
            settings, rest, self._book, self.callbacks, desk, base_url=base_url, log=log, wall=wall
        )
        self._queue = DialQueue(self.outbound, self.callbacks, self._book, settings, log)

    async def run(self) -> None:
        """Call whoever is to be called, until it is cancelled."""
        if self.hindrance is None:
            await self._queue.run()
        await asyncio.Event().wait()

    async def close(self) -> None:
        """Finish what was begun."""
        await self.outbound.close()

    # What HTTP clients ask

    def flow(self, name: str | None) -> str | None:
        """The flow of that name, or the one in which a call to the caller ID begins; None when there is none."""
        book = self._ivr().book
        if name is None:
            return book.flow_for(self._settings.outbound_caller_id or "")
        return name if name in book.flows else None

    async def dial(self, to: str, flow: str, variables: Mapping[str, str], machine_detection: bool | None) -> str:
        """Have somebody called; the dial's id, when it stands on the disk. Raises JournalFull."""
        if machine_detection is None:
            machine_detection = self._ivr().book.flows[flow].outbound is not None
        dial = await self.outbound.ask(to, flow, variables, machine=machine_detection, by="api")
        return dial.id

    async def look_up(self, dial_id: str) -> Mapping[str, Any] | None:
        """What has become of a dial, without the number. Raises DatabaseFailed."""
        dial = await self.outbound.find(dial_id)
        if dial is None:
            return None
        return {
            "dial_id": dial.id,
            "state": dial.state,
            "over": dial.over,
            "flow": dial.flow,
            "call_sid": dial.call_sid,
            "answered_by": dial.answered_by,
            "error": dial.last_error,
            "asked_at": dial.asked_at.isoformat(timespec="seconds"),
        }

    def live_calls(self) -> Sequence[Mapping[str, Any]]:
        """The calls that go on now; whoever is on the phone is masked."""
        now = asyncio.get_running_loop().time()
        return [
            {
                "call_sid": live.call_sid,
                "direction": direction_of(live.asked),
                "caller": mask(live.asked.caller),
                "flow": live.journey.state.flow,
                "node": live.journey.state.node,
                "language": live.language,
                "state": live.state.value,
                "duration_s": round(now - live.account.begun_at, 1),
            }
            for live in self._desk.calls.all()
        ]


def direction_of(call: IncomingCall) -> str:
    """`inbound` or `outbound`."""
    return "outbound" if call.direction.startswith("outbound") else "inbound"
