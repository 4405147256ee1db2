"""One call from dialling to its last status callback: follows the TwiML, verb by verb, stream by stream."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import format_datetime
from enum import Enum, auto

from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Caller, CallScript
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.recording import Recording
from ivr_bridge.simulator.phone.stream_dialler import StreamDialler
from ivr_bridge.simulator.phone.stream_leg import StreamEnd
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb, read_twiml
from ivr_bridge.simulator.phone.webhooks import WebhookAnswer, Webhooks

MAX_DOCUMENTS = 20
"""More in one call is a loop."""
GOODBYE_S = 2.0
"""How long a cancelled call may take to tell the server that it is over."""


class Flow(Enum):
    """What follows a verb, unless it is another document."""

    NEXT_VERB = auto()
    END = auto()


class PlacedCall:
    """One call; make it, `await run()` once, then read `log`."""

    def __init__(self, line: Line, webhooks: Webhooks, script: CallScript, faults: PhoneFaults, log: CallLog) -> None:
        self.recording = Recording()
        self.caller = Caller(script)
        self.log = log
        self._line = line
        self._webhooks = webhooks
        self._faults = faults
        self._dialler = StreamDialler(line, webhooks, faults, recording=self.recording, caller=self.caller, log=log)
        self._call_status = "ringing"
        self._is_rejected = ""
        self._last_stream: StreamEnd | None = None
        self._has_hung_up = False
        self._was_reached = False
        self._verbs: dict[str, Callable[[TwimlDocument, Verb], Awaitable[TwimlDocument | Flow]]] = {
            "Connect": self._connect,
            "Say": self._say,
            "Play": self._play,
            "Pause": self._pause,
            "Hangup": self._hangup,
            "Dial": self._dial,
            "Redirect": self._redirect,
            "Reject": self._reject,
            "Gather": self._gather,
            "Record": self._record,
        }

    async def run(self) -> None:
        """Place the call and stay until it is over. Cancelling hangs up, tells the server, then raises."""
        try:
            document = await self._place()
            for _ in range(MAX_DOCUMENTS):
                document = await self._follow(document) if document else None
            if document:
                self.log.settle("failed", "twiml_loop")
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
        self.log.settle("failed", reason if answer.problem else "twiml_invalid")
        if not self._line.fallback_path or self._has_hung_up:
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
        if log.dialled:
            log.settle("completed", "transferred")
        elif log.reason:
            return
        elif last is None:
            log.settle("refused", "turned_away")
        elif last.close_code == 1000:
            log.settle("completed", "agent_hung_up")
        else:
            log.settle("cut_off", "stream_lost")

    async def _connect(self, document: TwimlDocument, verb: Verb) -> TwimlDocument | Flow:
        """`<Connect><Stream>`: dial it, live through it, then ask the action URL."""
        if not verb.children or not verb.children[0].attributes.get("url"):
            return Flow.NEXT_VERB
        self.log.settle("failed", "")
        if end := await self._dialler.connect(document, verb.children[0]):
            self._stream_ended(end)
        following = None
        if action := verb.attributes.get("action"):
            following = await self._ask(document, verb, action, "action_failed")
        if self._has_hung_up:
            self._settle_caller()
            return Flow.END
        # An action that fails leaves the rest of the document as the last resort.
        return following or Flow.NEXT_VERB

    def _settle_caller(self) -> None:
        """The caller's own reason stands above whatever the webhooks answered after it."""
        ending = self._last_stream.ending if self._last_stream else None
        if ending:
            self.log.settle(ending.result, ending.reason)

    def _stream_ended(self, end: StreamEnd) -> None:
        """Note how; a caller who hung up has settled the call."""
        self._last_stream = end
        self.log.close_code = end.close_code
        self.log.note("stream_ended", f"by {end.by} {end.close_code or ''} {end.problem}".rstrip())
        if end.ending:
            self._has_hung_up = True
            self._call_status = "completed"

    async def _say(self, _: TwimlDocument, verb: Verb) -> Flow:
        """The network speaks: noted, and as long as the line says."""
        self.log.said_by_network.append(verb.text)
        self.log.note("said_by_network", verb.text)
        await asyncio.sleep(len(verb.text) * self._line.say_ms_per_char / 1000)
        self._note_service()
        return Flow.NEXT_VERB

    async def _play(self, document: TwimlDocument, verb: Verb) -> Flow:
        """A file or keys are played: noted; a file of ours is fetched too, and must be audio."""
        self.log.played_by_network.append(verb.text or verb.attributes.get("digits", ""))
        self.log.note("played_by_network", self.log.played_by_network[-1])
        url = self._line.known_url(verb.text, base=document.url)
        if verb.text and self._line.dialled_url(url):
            answer = await self._webhooks.ask(url, {}, method="GET")
            if answer.problem or not answer.content_type.startswith("audio/"):
                self.log.violation(answer.problem or f"12300 <Play> of {answer.content_type}, which is not audio")
        self._note_service()
        return Flow.NEXT_VERB

    def _note_service(self) -> None:
        """Words after a lost stream: the caller was told, so the call failed but was not cut off."""
        last = self._last_stream
        if not self.log.reason and last and last.close_code != 1000:
            self.log.settle("failed", "stream_lost")

    async def _pause(self, _: TwimlDocument, verb: Verb) -> Flow:
        """Dead air; taken as long as `<Say>` is."""
        length = verb.attributes.get("length", "1")
        if self._line.say_ms_per_char and length.isdecimal():
            await asyncio.sleep(int(length))
        return Flow.NEXT_VERB

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

    async def _redirect(self, document: TwimlDocument, verb: Verb) -> TwimlDocument | Flow:
        """Another document instead of the rest of this one."""
        return await self._ask(document, verb, verb.text, "webhook_failed") or Flow.END

    async def _dial(self, document: TwimlDocument, verb: Verb) -> TwimlDocument | Flow:
        """A third party is called: noted; then the action is asked with what the line says became of it."""
        self.log.dialled.append(verb.text)
        self.log.note("dialled", verb.text)
        if not (action := verb.attributes.get("action")):
            return Flow.NEXT_VERB
        status = self._line.dial_call_status
        more = {"DialCallStatus": status, "DialCallSid": "CA" + secrets.token_hex(16)}
        if status == "completed":
            more |= {"DialCallDuration": "1", "DialBridged": "true"}
        return await self._ask(document, verb, action, "action_failed", **more) or Flow.END

    async def _gather(self, document: TwimlDocument, verb: Verb) -> TwimlDocument | Flow:
        """Says what is inside, then takes the script's next keys; without any it times out at once."""
        for child in verb.children:
            await self._verbs[child.name](document, child)
        finish = verb.attributes.get("finishOnKey", "#")
        digits = self.caller.take_digits()
        taken = digits.split(finish)[0] if finish else digits
        limit = verb.attributes.get("numDigits", "")
        taken = taken[: int(limit)] if limit.isdecimal() else taken
        if not taken and verb.attributes.get("actionOnEmptyResult") != "true":
            return Flow.NEXT_VERB
        self.log.note("digits", taken)
        more = {"Digits": taken, "FinishedOnKey": finish if finish and finish in digits else ""}
        return (
            await self._ask(document, verb, verb.attributes.get("action", document.url), "action_failed", **more)
            or Flow.END
        )

    async def _record(self, document: TwimlDocument, verb: Verb) -> TwimlDocument | Flow:
        """Voicemail: takes the script's next words; without any it ends in silence and the next verb runs."""
        words = self.caller.take_words()
        if words is None:
            return Flow.NEXT_VERB
        self.log.note("caller_speaking", words.text)
        sid = "RE" + secrets.token_hex(16)
        more = {
            "RecordingSid": sid,
            "RecordingUrl": f"https://api.twilio.com/2010-04-01/Accounts/{self._line.account_sid}/Recordings/{sid}",
            "RecordingDuration": str(max(1, len(words.pcm16) // 16000)),
        }
        return (
            await self._ask(document, verb, verb.attributes.get("action", document.url), "action_failed", **more)
            or Flow.END
        )
