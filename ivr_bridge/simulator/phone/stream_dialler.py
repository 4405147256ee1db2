"""From a `<Stream>` to a living stream: its URL checked, signed, dialled, its own status callbacks sent."""

from __future__ import annotations

import asyncio
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from urllib.parse import urlsplit, urlunsplit

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Caller
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.recording import Recording
from ivr_bridge.simulator.phone.signing import signature
from ivr_bridge.simulator.phone.stream_leg import StreamEnd, StreamLeg, StreamTicket
from ivr_bridge.simulator.phone.stream_socket import StreamRefusedError, StreamSocket
from ivr_bridge.simulator.phone.talk_notes import TalkNotes
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb
from ivr_bridge.simulator.phone.webhooks import Webhooks

GOODBYE_S = 2.0
"""How long a cancelled stream may take to tell that it has stopped."""


class StreamDialler:
    """Connects the streams of one call, one after the other; the faults are for the first."""

    def __init__(
        self,
        line: Line,
        webhooks: Webhooks,
        faults: PhoneFaults,
        *,
        recording: Recording,
        caller: Caller,
        log: CallLog,
        notes: TalkNotes,
    ) -> None:
        self._line = line
        self._webhooks = webhooks
        self._faults = faults
        self._recording = recording
        self._caller = caller
        self._log = log
        self._notes = notes

    async def connect(self, document: TwimlDocument, stream: Verb) -> StreamEnd | None:
        """Dial a `<Stream>` and live through it; None when it never opened, and the log says why."""
        url = self._line.known_url(stream.attributes["url"], base=document.url)
        if urlsplit(url).query:
            self._log.violation("31920 a Stream url must have no query string")
            url = urlunsplit((*urlsplit(url)[:3], "", ""))
        if problem := self._line.stream_url_problem(url):
            self._log.violation(problem)
            self._log.settle("failed", "stream_url_invalid")
            return None
        stream_sid = "MZ" + secrets.token_hex(16)
        faults = PhoneFaults() if self._log.stream_sids else self._faults
        signed = None if faults.unsigned_upgrade else signature(self._line.signing_token, url)
        try:
            socket = await StreamSocket.dial(self._line.dialled_url(url) or url, signed)
        except StreamRefusedError as error:
            self._log.note("stream_refused", str(error))
            self._log.settle("failed", "stream_refused")
            await self._tell(document, stream, stream_sid, "stream-error", str(error))
            return None
        parameters = {child.attributes.get("name", ""): child.attributes.get("value", "") for child in stream.children}
        ticket = StreamTicket(self._log.call_sid, self._line.account_sid, stream_sid, parameters)
        leg = StreamLeg(
            socket,
            ticket,
            recording=self._recording,
            caller=self._caller,
            faults=faults,
            log=self._log,
            notes=self._notes,
        )
        self._log.stream_sids.append(stream_sid)
        started = asyncio.create_task(self._tell(document, stream, stream_sid, "stream-started"))
        try:
            end = await leg.run()
            await started
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._tell(document, stream, stream_sid, "stream-stopped")
            raise
        finally:
            started.cancel()
        await self._tell(document, stream, stream_sid, "stream-error" if end.problem else "stream-stopped", end.problem)
        return end

    async def _tell(self, document: TwimlDocument, stream: Verb, sid: str, event: str, error: str = "") -> None:
        """The Stream's own callback, if it names one."""
        if not (address := stream.attributes.get("statusCallback")):
            return
        params = {
            "AccountSid": self._line.account_sid,
            "CallSid": self._log.call_sid,
            "StreamSid": sid,
            "StreamName": stream.attributes.get("name", sid),
            "StreamEvent": event,
            "Timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            **({"StreamError": error} if error else {}),
        }
        method = stream.attributes.get("statusCallbackMethod", "POST")
        answer = await self._webhooks.ask(self._line.known_url(address, base=document.url), params, method=method)
        if answer.problem and not self._faults.bad_signature:
            self._log.violation(answer.problem)
