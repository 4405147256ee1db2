"""A call that somebody places to a number of ours, from dialling to its last status callback."""

from __future__ import annotations

import asyncio
import secrets
import time
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import CallScript
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.flow import Flow
from ivr_bridge.simulator.phone.leg import MAX_DOCUMENTS, Leg
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb
from ivr_bridge.simulator.phone.webhooks import Webhooks

__all__ = ["MAX_DOCUMENTS", "PlacedCall"]

GOODBYE_S = 2.0
"""How long a cancelled call may take to tell the server that it is over."""


class PlacedCall(Leg):
    """One call; make it, `await run()` once, then read `log`. Without a network it has one of its own."""

    def __init__(
        self,
        line: Line,
        webhooks: Webhooks,
        script: CallScript,
        faults: PhoneFaults,
        log: CallLog,
        *,
        network: Network | None = None,
    ) -> None:
        self._own_network = None if network else Network(line)
        given = network or self._own_network or Network(line)
        super().__init__(line, webhooks, script, faults, log, network=given, direction="inbound")
        self.account.turn("ringing")
        self._refusal = ""
        self._verbs["Reject"] = self._reject

    async def run(self) -> None:
        """Place the call and stay until it is over. Cancelling hangs up, tells the server, then raises."""
        try:
            document = await self._place()
            await self.run_documents(document)
            self.standing.settle_person()
            await self.finish()
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._report_status()
            raise
        finally:
            await self.abandon()
            if self._own_network:
                await self._own_network.close()
        await self._report_status()
        self.log.note("ended", f"{self.log.result} {self.log.reason}")

    async def _place(self) -> TwimlDocument | None:
        """The first webhook; its retry too, if that is the fault."""
        url, token = self.line.known_url(self.line.voice_path), secrets.token_hex(16)
        answer = await self.webhooks.ask(url, self.params(), idempotency=token)
        if self._faults.repeat_webhook:
            again = await self.webhooks.ask(url, self.params(), idempotency=token)
            self.log.repeat_identical = (again.status, again.body) == (answer.status, answer.body)
            answer = again
        if answer.status:
            self.log.webhook_ms = round(answer.took_ms, 1)
            self.log.note("webhook_answered", f"{answer.status} in {answer.took_ms:.0f} ms")
        document = await self.document(answer, "unreachable" if answer.is_unreachable else "webhook_failed")
        if not _rings_on(document):
            self.account.turn("in-progress")
        return document

    async def _report_status(self) -> None:
        """The status callback at the end of the call."""
        if not self._was_reached:
            return
        seconds = int(time.monotonic() - self.log.placed_at)
        self.account.turn(self._refusal or "completed")
        params = self.params(
            CallStatus=self._refusal or "completed",
            CallDuration=str(seconds),
            Duration=str(-(-seconds // 60)),
            SequenceNumber="0",
            Timestamp=format_datetime(datetime.now(UTC)),
            CallbackSource="call-progress-events",
        )
        answer = await self.webhooks.ask(self.line.known_url(self.line.status_path), params)
        if answer.problem and not self._faults.bad_signature:
            self.log.violation(answer.problem)

    async def _reject(self, _: TwimlDocument, verb: Verb) -> Flow:
        """Not taken at all."""
        reason = verb.attributes.get("reason", "rejected")
        self._refusal = "busy" if reason == "busy" else "no-answer"
        self.log.settle("refused", reason)
        return Flow.END


def _rings_on(document: TwimlDocument | None) -> bool:
    """Whether the call is not answered yet, because whoever is dialled shall answer it."""
    first = document.verbs[0] if document and document.verbs else None
    return first is not None and first.name == "Dial" and first.attributes.get("answerOnBridge") == "true"
