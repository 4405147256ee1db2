"""One leg of a call: a person at one end, TwiML at the other. It follows documents, verb by verb, stream by stream.

Whoever makes a leg decides how it begins and ends: `PlacedCall` (a caller), `OutboundCall` (made by REST), `DialledLeg`
(called by a `<Dial>`). REST may take it away from what it does at any moment: that verb is cancelled and the new
document runs instead; a stream gets its `stop` and is closed.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from typing import Any

from ivr_bridge.simulator.phone import recorder
from ivr_bridge.simulator.phone.call_account import CallAccount
from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Caller, CallScript, Ending
from ivr_bridge.simulator.phone.dial_verb import DialVerb
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.flow import Flow, Outcome
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.network_leg import NetworkLeg
from ivr_bridge.simulator.phone.network_verbs import NetworkVerbs
from ivr_bridge.simulator.phone.record_verb import RecordVerb
from ivr_bridge.simulator.phone.recording import Recording
from ivr_bridge.simulator.phone.report import CallReport
from ivr_bridge.simulator.phone.standing import Standing
from ivr_bridge.simulator.phone.stream_dialler import StreamDialler
from ivr_bridge.simulator.phone.talk_notes import TalkNotes
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb, read_twiml
from ivr_bridge.simulator.phone.webhooks import WebhookAnswer, Webhooks

MAX_DOCUMENTS = 20
"""More in one call is a loop."""

Update = Callable[[], Awaitable[TwimlDocument | None]]


class Leg:
    """The base of all legs; `line.caller` and `line.called` are this leg's."""

    def __init__(
        self,
        line: Line,
        webhooks: Webhooks,
        script: CallScript,
        faults: PhoneFaults,
        log: CallLog,
        *,
        network: Network,
        direction: str,
        parent_sid: str = "",
    ) -> None:
        self.line = line
        self.webhooks = webhooks
        self.network = network
        self.log = log
        self.recording = Recording()
        self.caller = Caller(script)
        self.account = CallAccount(log.call_sid, line.account_sid, line.caller, line.called, direction, parent_sid)
        notes = TalkNotes(log, self.recording.hearing, self.caller)
        self.ear = NetworkLeg(self.recording, self.caller, notes, log, in_real_time=line.in_real_time)
        self.standing = Standing(log)
        self._faults = faults
        self._dialler = StreamDialler(
            line, webhooks, faults, recording=self.recording, caller=self.caller, log=log, notes=notes
        )
        self._was_reached = False
        self._fallback_url = line.known_url(line.fallback_path) if line.fallback_path else ""
        self._running: asyncio.Task[TwimlDocument | None] | None = None
        self._update: Update | None = None
        self._beside: set[asyncio.Task[None]] = set()
        verbs = NetworkVerbs(self)
        self._verbs: dict[str, Callable[[TwimlDocument, Verb], Awaitable[Outcome]]] = {
            **verbs.by_name,
            **RecordVerb(self, verbs).by_name,
            **DialVerb(self).by_name,
            "Connect": self._connect,
            "Hangup": self._hangup,
            "Redirect": self._redirect,
        }
        network.calls[self.sid] = self

    @property
    def sid(self) -> str:
        """The CallSid."""
        return self.log.call_sid

    def report(self) -> CallReport:
        """What this leg said and heard, up to now."""
        return self.log.report(self.recording, self.caller)

    # REST

    def go_on_at(self, url: str, method: str) -> None:
        """Leave whatever runs for the document at this URL."""

        async def fetch() -> TwimlDocument | None:
            answer = await self.webhooks.ask(self.line.known_url(url), self.params(), method=method)
            return await self.document(answer, "webhook_failed")

        self._replace(fetch)

    def go_on_with(self, twiml: str) -> None:
        """Leave whatever runs for this document."""

        async def read() -> TwimlDocument | None:
            given = WebhookAnswer(self.line.known_base, 200, twiml.encode(), "text/xml")
            return await self.document(given, "twiml_invalid")

        self._replace(read)

    def end(self) -> None:
        """Hang up."""

        async def nothing() -> None:
            self.account.turn(self.status_when_ended())
            self.log.settle("completed", "ended_by_rest")

        self._replace(nothing)

    def status_when_ended(self) -> str:
        """The CallStatus of a call that REST ends now."""
        return "completed"

    def _replace(self, update: Update) -> None:
        """What runs is cancelled; what comes instead is decided then."""
        self._update = update
        if self._running is not None:
            self._running.cancel()

    async def stage(self, work: Coroutine[Any, Any, TwimlDocument | None]) -> TwimlDocument | None:
        """Do something that REST may replace by a document of its own."""
        if self._update is None:
            running = asyncio.create_task(work)
            self._running = running
            try:
                return await running
            except asyncio.CancelledError:
                if _is_cancelled() or not self._has_update():
                    raise
            finally:
                self._running = None
        else:
            work.close()
        return await self._replaced()

    def _has_update(self) -> bool:
        """Whether REST wants something else."""
        return self._update is not None

    async def _replaced(self) -> TwimlDocument | None:
        """What REST wants instead."""
        update, self._update = self._update, None
        return await update() if update else None

    def start_beside(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Something that goes on beside the verbs; the call is not over before it is."""
        task = asyncio.create_task(work)
        self._beside.add(task)
        return task

    async def finish(self) -> None:
        """The leg is over: end what was recorded of it, wait for what goes on beside it."""
        await recorder.stop_all(self)
        while self._beside:
            done, self._beside = await asyncio.wait(self._beside)
            for task in done:
                task.result()
        for problem in self.webhooks.failed:
            self.log.violation(problem)

    async def abandon(self) -> None:
        """End what still goes on beside a call that was cancelled; harmless when there is nothing."""
        for task in self._beside:
            task.cancel()
        await asyncio.gather(*self._beside, return_exceptions=True)

    # Webhooks

    def params(self, **more: str) -> dict[str, str]:
        """The voice set that every webhook of a call carries, and what this one adds."""
        return self.account.params(**more)

    async def ask(
        self, document: TwimlDocument, verb: Verb, address: str, reason: str, **more: str
    ) -> TwimlDocument | None:
        """The document at a verb's URL."""
        url = self.line.known_url(address, base=document.url)
        answer = await self.webhooks.ask(url, self.params(**more), method=verb.attributes.get("method", "POST"))
        return await self.document(answer, reason)

    async def document(self, answer: WebhookAnswer, reason: str) -> TwimlDocument | None:
        """TwiML from an answer; if it is none, that of the fallback URL; None (and the call failed) if neither."""
        document = self._read(answer)
        if document:
            return document
        if self.standing.ending:
            return None
        self.log.settle("failed", reason if answer.problem else "twiml_invalid")
        if not self._fallback_url:
            return None
        more = {"ErrorCode": "11200" if answer.problem else "12100", "ErrorUrl": answer.url}
        return self._read(await self.webhooks.ask(self._fallback_url, self.params(**more)))

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

    # Verbs

    async def run_documents(self, document: TwimlDocument | None) -> None:
        """Run a document, and those that take over from it, until the network hangs up."""
        for _ in range(MAX_DOCUMENTS):
            document = await self.stage(self._follow(document)) if document else None
        if document:
            self.log.settle("failed", "twiml_loop")

    async def _follow(self, document: TwimlDocument) -> TwimlDocument | None:
        """Run one document; returns the one that takes over, or None when the call is over."""
        for verb in document.verbs:
            outcome = await self._verbs[verb.name](document, verb)
            if isinstance(outcome, TwimlDocument):
                return outcome
            if outcome is Flow.END:
                return None
        self.document_ended()
        return None

    def document_ended(self) -> None:
        """No verb is left: the network hangs up."""
        self.standing.settle_end()

    async def _connect(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """`<Connect><Stream>`: dial it, live through it, then ask the action URL."""
        self.log.settle("failed", "")
        if end := await self._dialler.connect(document, verb.children[0]):
            self.standing.stream_ended(end)
            if end.ending:
                self.hang_up(end.ending)
        following = None
        if action := verb.attributes.get("action"):
            following = await self.ask(document, verb, action, "action_failed")
        if self.standing.ending:
            return Flow.END
        # An action that fails leaves the rest of the document as the last resort.
        return following or Flow.NEXT_VERB

    def hang_up(self, ending: Ending) -> None:
        """The person has: from now on webhooks say that the call is completed."""
        self.standing.ending = ending
        self.account.turn("completed")

    def served(self) -> None:
        """Words or sound of the network's were heard."""
        self.standing.served()

    async def _hangup(self, _document: TwimlDocument, _verb: Verb) -> Flow:
        """The end, on purpose."""
        self.standing.settle_end()
        return Flow.END

    async def _redirect(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """Another document instead of the rest of this one."""
        return await self.ask(document, verb, verb.text, "webhook_failed") or Flow.END


def new_call_sid() -> str:
    """A CallSid that no other call has."""
    return "CA" + secrets.token_hex(16)


def line_between(line: Line, caller: str, called: str) -> Line:
    """The same line with other ends."""
    return replace(line, caller=caller, called=called)


def _is_cancelled() -> bool:
    """Whether the task that runs now was cancelled itself, and not only something that it waits for."""
    here = asyncio.current_task()
    return here is not None and here.cancelling() > 0
