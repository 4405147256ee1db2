"""One call from dialling to its last status callback: follows the TwiML, verb by verb, stream by stream."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Caller, CallScript, Ending
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.network_leg import NetworkLeg
from ivr_bridge.simulator.phone.network_verbs import Flow, NetworkVerbs, Outcome
from ivr_bridge.simulator.phone.recording import Recording
from ivr_bridge.simulator.phone.stream_dialler import StreamDialler
from ivr_bridge.simulator.phone.stream_leg import StreamEnd
from ivr_bridge.simulator.phone.talk_notes import TalkNotes
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb, read_twiml
from ivr_bridge.simulator.phone.webhooks import WebhookAnswer, Webhooks

MAX_DOCUMENTS = 20
"""More in one call is a loop."""
GOODBYE_S = 2.0
"""How long a cancelled call may take to tell the server that it is over."""


class PlacedCall:
    """One call; make it, `await run()` once, then read `log`."""

    def __init__(self, line: Line, webhooks: Webhooks, script: CallScript, faults: PhoneFaults, log: CallLog) -> None:
        self.recording = Recording()
        self.caller = Caller(script)
        self.log = log
        self._line = line
        self._webhooks = webhooks
        self._faults = faults
        notes = TalkNotes(log, self.recording.hearing, self.caller)
        self._dialler = StreamDialler(
            line, webhooks, faults, recording=self.recording, caller=self.caller, log=log, notes=notes
        )
        self._call_status = "ringing"
        self._is_rejected = ""
        self._last_stream: StreamEnd | None = None
        self._ending: Ending | None = None
        self._was_reached = False
        network = NetworkVerbs(
            line,
            webhooks,
            NetworkLeg(self.recording, self.caller, notes, log, in_real_time=line.in_real_time),
            log,
            ask=self._ask,
            hang_up=self._caller_hung_up,
            served=self._note_service,
        )
        self._verbs: dict[str, Callable[[TwimlDocument, Verb], Awaitable[Outcome]]] = {
            **network.by_name,
            "Connect": self._connect,
            "Hangup": self._hangup,
            "Redirect": self._redirect,
            "Reject": self._reject,
        }

    async def run(self) -> None:
        """Place the call and stay until it is over. Cancelling hangs up, tells the server, then raises."""
        try:
            document = await self._place()
            for _ in range(MAX_DOCUMENTS):
                document = await self._follow(document) if document else None
            if document:
                self.log.settle("failed", "twiml_loop")
            self._settle_caller()
        except asyncio.CancelledError:
            with suppress(TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await self._report_status()
            raise
        await self._report_status()
        self.log.note("ended", f"{self.log.result} {self.log.reason}")

    # Webhooks

    def _params(self, **more: str) -> dict[str, str]:
        """The voice set that every webhook of a call carries, and what this one adds."""
        line = self._line
        return {
            "CallSid": self.log.call_sid,
            "AccountSid": line.account_sid,
            "From": line.caller,
            "To": line.called,
            "Caller": line.caller,
            "Called": line.called,
            "CallStatus": self._call_status,
            "Direction": "inbound",
            "ApiVersion": "2010-04-01",
            **more,
        }

    async def _place(self) -> TwimlDocument | None:
        """The first webhook; its retry too, if that is the fault."""
        url, token = self._line.known_url(self._line.voice_path), secrets.token_hex(16)
        answer = await self._webhooks.ask(url, self._params(), idempotency=token)
        if self._faults.repeat_webhook:
            again = await self._webhooks.ask(url, self._params(), idempotency=token)
            self.log.repeat_identical = (again.status, again.body) == (answer.status, answer.body)
            answer = again
        if answer.status:
            self.log.webhook_ms = round(answer.took_ms, 1)
            self.log.note("webhook_answered", f"{answer.status} in {answer.took_ms:.0f} ms")
        self._call_status = "in-progress"
        return await self._document(answer, "unreachable" if answer.is_unreachable else "webhook_failed")

    async def _ask(
        self, document: TwimlDocument, verb: Verb, address: str, reason: str, **more: str
    ) -> TwimlDocument | None:
        """The document at a verb's URL."""
        url = self._line.known_url(address, base=document.url)
        answer = await self._webhooks.ask(url, self._params(**more), method=verb.attributes.get("method", "POST"))
        return await self._document(answer, reason)

    async def _document(self, answer: WebhookAnswer, reason: str) -> TwimlDocument | None:
        """TwiML from an answer; if it is none, that of the fallback URL; None (and the call failed) if neither."""
        document = self._read(answer)
        if document:
            return document
        if self._ending:
            return None
        self.log.settle("failed", reason if answer.problem else "twiml_invalid")
        if not self._line.fallback_path:
            return None
        more = {"ErrorCode": "11200" if answer.problem else "12100", "ErrorUrl": answer.url}
        url = self._line.known_url(self._line.fallback_path)
        return self._read(await self._webhooks.ask(url, self._params(**more)))

    def _read(self, answer: WebhookAnswer) -> TwimlDocument | None:
        """TwiML that can be run, its text noted, its faults too."""
        self._was_reached = self._was_reached or not answer.is_unreachable
        if answer.problem:
            self.log.note("webhook_failed", answer.problem)
            if not self._faults.bad_signature and not answer.is_unreachable:
                self.log.violation(answer.problem)
            return None
        document = read_twiml(answer.body, answer.content_type, answer.url)
        self.log.twiml.append(document.text)
        for problem in (*document.problems, *filter(None, [document.fatal])):
            self.log.violation(problem)
        return None if document.fatal else document

    async def _report_status(self) -> None:
        """The status callback at the end of the call."""
        if not self._was_reached:
            return
        seconds = int(time.monotonic() - self.log.placed_at)
        self._call_status = self._is_rejected or "completed"
        params = self._params(
            CallDuration=str(seconds),
            Duration=str(-(-seconds // 60)),
            SequenceNumber="0",
            Timestamp=format_datetime(datetime.now(UTC)),
            CallbackSource="call-progress-events",
        )
        answer = await self._webhooks.ask(self._line.known_url(self._line.status_path), params)
        if answer.problem and not self._faults.bad_signature:
            self.log.violation(answer.problem)

    # Verbs

    async def _follow(self, document: TwimlDocument) -> TwimlDocument | None:
        """Run one document; returns the one that takes over, or None when the call is over."""
        for verb in document.verbs:
            outcome = await self._verbs[verb.name](document, verb)
            if isinstance(outcome, TwimlDocument):
                return outcome
            if outcome is Flow.END:
                return None
        self._settle_end()
        return None

    def _settle_end(self) -> None:
        """The network hangs up: how does the call stand? A failure that was settled before stays."""
        log, last = self.log, self._last_stream
        if self._settle_service() or log.reason:
            return
        if last is None:
            log.settle("refused", "turned_away")
        elif last.close_code == 1000:
            log.settle("completed", "agent_hung_up")
        else:
            log.settle("cut_off", "stream_lost")

    async def _connect(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """`<Connect><Stream>`: dial it, live through it, then ask the action URL."""
        if not verb.children or not verb.children[0].attributes.get("url"):
            return Flow.NEXT_VERB
        self.log.settle("failed", "")
        if end := await self._dialler.connect(document, verb.children[0]):
            self._stream_ended(end)
        following = None
        if action := verb.attributes.get("action"):
            following = await self._ask(document, verb, action, "action_failed")
        if self._ending:
            return Flow.END
        # An action that fails leaves the rest of the document as the last resort.
        return following or Flow.NEXT_VERB

    def _settle_service(self) -> bool:
        """Whether a person or a recorder served the caller: then that is how the call stands."""
        if "completed" in self.log.dial_statuses:
            self.log.settle("completed", "transferred")
            return True
        if self.log.recordings:
            self.log.settle("completed", "voicemail_left")
            return True
        return False

    def _settle_caller(self) -> None:
        """A caller who hung up: their reason stands above whatever the webhooks answered after it.

        A call that had failed before, outside a stream, has failed all the same.
        """
        ending, last = self._ending, self._last_stream
        if ending is None or self._settle_service():
            return
        if ending.result == "failed" or not self.log.reason or (last is not None and last.ending):
            self.log.settle(ending.result, ending.reason)

    def _caller_hung_up(self, ending: Ending) -> None:
        """From now on webhooks say that the call is completed."""
        self._ending = ending
        self._call_status = "completed"

    def _stream_ended(self, end: StreamEnd) -> None:
        """Note how; a caller who hung up has settled the call."""
        self._last_stream = end
        self.log.close_code = end.close_code
        self.log.note("stream_ended", f"by {end.by} {end.close_code or ''} {end.problem}".rstrip())
        if end.ending:
            self._caller_hung_up(end.ending)

    def _note_service(self) -> None:
        """Words after a lost stream: the caller was told, so the call failed but was not cut off."""
        last = self._last_stream
        if not self.log.reason and last and last.close_code != 1000:
            self.log.settle("failed", "stream_lost")

    async def _hangup(self, _document: TwimlDocument, _verb: Verb) -> Flow:
        """The end, on purpose."""
        self._settle_end()
        return Flow.END

    async def _reject(self, _: TwimlDocument, verb: Verb) -> Flow:
        """Not taken at all."""
        reason = verb.attributes.get("reason", "rejected")
        self._is_rejected = "busy" if reason == "busy" else "no-answer"
        self.log.settle("refused", reason)
        return Flow.END

    async def _redirect(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """Another document instead of the rest of this one."""
        return await self._ask(document, verb, verb.text, "webhook_failed") or Flow.END
