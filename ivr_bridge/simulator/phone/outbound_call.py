"""A call that REST asks for: it rings somewhere, and who answers is connected to a document."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ivr_bridge.simulator.phone import recorder, sounds
from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.callees import Callee
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.leg import Leg, line_between, new_call_sid
from ivr_bridge.simulator.phone.machine_detection import Verdict, detect
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.progress import Progress
from ivr_bridge.simulator.phone.recordings import Notice
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument

TIMEOUT_S = 60.0


@dataclass(frozen=True, slots=True)
class OutboundOrder:
    """What REST was asked for; URLs are absolute.

    `machine_detection` is `Enable`, `DetectMessageEnd` or empty; with `amd_url` it goes on beside the call and is told
    there, else the document waits for it.
    """

    caller: str
    called: str
    status: Notice = Notice()  # noqa: RUF009 - frozen
    timeout_s: float = TIMEOUT_S
    time_limit_s: float = 0.0
    send_digits: str = ""
    machine_detection: str = ""
    amd_url: str = ""
    amd_method: str = "POST"
    records: bool = False
    recording_channels: int = 1
    recording_track: str = "both"
    recording: Notice = field(default=Notice())
    fallback_url: str = ""


class OutboundCall(Leg):
    """One of them: make it, `await run()` once. `document` is asked for when somebody has answered."""

    def __init__(
        self,
        network: Network,
        order: OutboundOrder,
        callee: Callee,
        document: Callable[[OutboundCall], Awaitable[TwimlDocument | None]],
    ) -> None:
        super().__init__(
            line_between(network.line, order.caller, order.called),
            network.webhooks(),
            callee.script,
            PhoneFaults(),
            CallLog(new_call_sid()),
            network=network,
            direction="outbound-api",
        )
        self.order = order
        self.callee = callee
        self._fallback_url = order.fallback_url
        self._first_document = document
        self._is_canceled = False
        self._progress = Progress(
            self.webhooks,
            self.account,
            self.params,
            url=order.status.url,
            method=order.status.method,
            events=order.status.events,
        )

    async def run(self) -> None:
        """Ring, connect, follow the documents, tell of every step; cancelling drops it."""
        try:
            await self._progress.turn("queued")
            instead = await self.stage(self._ring())
            status = self._fate()
            if status == "answered":
                await self._connected(instead)
                self.standing.settle_person()
            else:
                self.log.settle("failed", status)
            await self._progress.turn("completed" if status == "answered" else status, **self._recorded())
            await self.finish()
        finally:
            await self.abandon()

    def end(self) -> None:
        """REST hangs up; before the answer that cancels it."""
        self._is_canceled = self.account.started is None
        super().end()

    def status_when_ended(self) -> str:
        """The CallStatus of a call that REST ends now."""
        return "canceled" if self._is_canceled else "completed"

    def _fate(self) -> str:
        """What became of the ringing."""
        if self._is_canceled:
            return "canceled"
        if self.callee.fate == "answered" and self.callee.rings_s > self.order.timeout_s:
            return "no-answer"
        return self.callee.fate

    async def _ring(self) -> None:
        """Until they answer, or the network gives up."""
        await self._progress.turn("ringing")
        ring_s = min(self.callee.rings_s, self.order.timeout_s)
        await asyncio.sleep(ring_s if self.line.in_real_time else 0)

    async def _connected(self, instead: TwimlDocument | None) -> None:
        """From the answer to the end."""
        order = self.order
        await self._progress.turn("in-progress")
        limit = asyncio.get_running_loop().call_later(order.time_limit_s, self.end) if order.time_limit_s else None
        try:
            if order.records:
                await recorder.record_call(
                    self,
                    "OutboundAPI",
                    channels=order.recording_channels,
                    track=order.recording_track,
                    notice=order.recording,
                )
            document = instead or await self.stage(self._begin())
            await self.run_documents(document)
        finally:
            if limit:
                limit.cancel()

    async def _begin(self) -> TwimlDocument | None:
        """What happens before the first document."""
        if self.order.send_digits:
            await self.ear.play(sounds.keys(self.order.send_digits))
        elif self.order.machine_detection:
            await self._detect(detect(self.callee, self.order.machine_detection))
        return await self._first_document(self)

    async def _detect(self, verdict: Verdict) -> None:
        """Machine detection, beside the call or before it."""
        order = self.order
        if not order.amd_url:
            await self.ear.play(b"", length_ms=round(verdict.after_s * 1000))
            self.account.answered_by = verdict.answered_by
            return

        async def tell() -> None:
            await asyncio.sleep(verdict.after_s)
            if not self.account.is_over:
                self.account.answered_by = verdict.answered_by
                await self.webhooks.tell(order.amd_url, self.params(**verdict.params), method=order.amd_method)

        self.start_beside(tell())

    def _recorded(self) -> dict[str, str]:
        """Where the recording is, for the last status callback."""
        taken = next((each for each in self.network.recordings.all() if each.call_sid == self.sid), None)
        if not self.order.records or taken is None:
            return {}
        return {
            "RecordingUrl": self.network.recordings.url(taken),
            "RecordingSid": taken.sid,
            "RecordingDuration": str(taken.duration_s),
        }
