"""The network's behaviour without sockets and clocks: a document goes in, what the network does next comes out. Pure.

```python
plan = NetworkPlan(caller=PlannedCaller(keys=("1",)))
step = plan.place()                        # Asks: the voice webhook
step = plan.answer(twiml)                  # Streams, Asks (an action, a whisper), Confers, Over
step = plan.ended()                        # after Streams or Confers: what is asked then
```

It shares grammar, dial outcomes and parameters with the network that really plays (`leg.py`); it plays no sound, and
takes no time. Status callbacks stand in `notices`, in order; they need no answer.
"""

from __future__ import annotations

import secrets
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urljoin

from ivr_bridge.simulator.phone.call_account import CallAccount
from ivr_bridge.simulator.phone.callees import Callee, Callees, listener
from ivr_bridge.simulator.phone.caller import HangUp
from ivr_bridge.simulator.phone.dial_course import dial_course
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb, read_twiml

SANDBOX_ACCOUNT_SID = "AC" + "5a" * 16


@dataclass(frozen=True, slots=True)
class Asks:
    """A webhook: where, with which form, for which call. Answer it with `NetworkPlan.answer`."""

    url: str
    params: dict[str, str]
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Streams:
    """A Media Stream is on; `NetworkPlan.ended` when it is over."""

    url: str
    parameters: dict[str, str]
    call_sid: str


@dataclass(frozen=True, slots=True)
class Confers:
    """The call is in a conference; `NetworkPlan.ended` when it has left."""

    name: str
    attributes: dict[str, str]
    call_sid: str


@dataclass(frozen=True, slots=True)
class Over:
    """The call is over: `hung_up` by the network, `caller_hung_up`, `rejected`, or `error` and why, with its code."""

    reason: Literal["hung_up", "caller_hung_up", "rejected", "error"]
    problem: str = ""


Step = Asks | Streams | Confers | Over
_Steps = Generator[Step, TwimlDocument | None, TwimlDocument | None]


@dataclass(frozen=True, slots=True)
class PlannedCaller:
    """What a person does: the keys for each `<Gather>` (empty: none), how many seconds they speak at each `<Record>`.

    What is not said is nothing: no key, no word.
    """

    keys: tuple[str, ...] = ()
    messages_s: tuple[int, ...] = ()


@dataclass(slots=True)
class _Person:
    """What is left of it."""

    keys: list[str]
    messages_s: list[int]


@dataclass(eq=False, slots=True)
class NetworkPlan:
    """One call's way through its documents.

    `talks_s` is how long whoever answers a `<Dial>` stays; one whose script is nothing but `HangUp()` is gone at once.
    """

    caller: PlannedCaller = PlannedCaller()
    called_party: PlannedCaller = PlannedCaller()
    """At a whisper."""
    callees: Callees = field(default_factory=lambda: Callees(listener(3.0, is_spoken=False)))
    talks_s: int = 10
    refused_dial_status: str = "no-answer"
    account: CallAccount = field(
        default_factory=lambda: CallAccount(
            "CA" + secrets.token_hex(16), SANDBOX_ACCOUNT_SID, "+15550100001", "+15550100002", "inbound"
        )
    )
    voice_url: str = "https://bridge.example/twilio/voice"
    said: list[str] = field(default_factory=list)
    played: list[str] = field(default_factory=list)
    dialled: list[str] = field(default_factory=list)
    notices: list[Asks] = field(default_factory=list)
    step: Step = Over("hung_up")
    _steps: Generator[Step, TwimlDocument | None, None] | None = None
    _over: Over | None = None

    def place(self) -> Step:
        """The first webhook of the call."""
        self.account.turn("ringing")
        self._steps = self._run()
        return self._advance(None)

    def answer(self, twiml: str, content_type: str = "text/xml") -> Step:
        """The document that the webhook asked for; what follows.

        Raises:
            LookupError: no webhook waits for an answer.
        """
        match self.step:
            case Asks(url):
                return self._advance(read_twiml(twiml.encode(), content_type, url))
        raise LookupError(f"nothing was asked: {self.step}")

    def ended(self) -> Step:
        """The stream is over, or the call has left its conference.

        Raises:
            LookupError: neither is on.
        """
        match self.step:
            case Streams() | Confers():
                return self._advance(None)
        raise LookupError(f"neither a stream nor a conference is on: {self.step}")

    def hang_up(self) -> Step:
        """The caller hangs up now: what is on ends, its action is still asked, and nothing that it answers is run."""
        self.account.turn("completed")
        self._over = Over("caller_hung_up")
        return self.ended() if isinstance(self.step, Streams | Confers) else self._finish()

    def _advance(self, document: TwimlDocument | None) -> Step:
        """To the next step."""
        if self._steps is None:
            raise LookupError("the call was not placed")
        try:
            self.step = self._steps.send(document)
        except StopIteration:
            return self._finish()
        return self.step

    def _finish(self) -> Step:
        """Nothing follows."""
        self.account.turn("completed")
        self.step = self._over or Over("hung_up")
        return self.step

    # Documents

    def _run(self) -> Generator[Step, TwimlDocument | None, None]:
        """The call from its first webhook on."""
        document = yield Asks(self.voice_url, self.account.params())
        self.account.turn("in-progress")
        person = _Person(list(self.caller.keys), list(self.caller.messages_s))
        while document is not None and self._over is None:
            document = yield from self._follow(document, self.account, person)

    def _follow(self, document: TwimlDocument, call: CallAccount, person: _Person) -> _Steps:
        """One document; the one that takes over."""
        if document.fatal:
            self._over = Over("error", document.fatal)
        for verb in document.verbs:
            if self._over is not None:
                break
            following = yield from self._verb(document, verb, call, person)
            if following is not None:
                return following
        return None

    def _verb(self, document: TwimlDocument, verb: Verb, call: CallAccount, person: _Person) -> _Steps:
        """One verb; a document that takes over, if one does."""
        get = verb.attributes.get
        match verb.name:
            case "Say":
                self.said.append(verb.text)
            case "Play":
                self.played.append(verb.text or get("digits", ""))
            case "Hangup":
                self._over = Over("hung_up")
            case "Reject":
                self._over = Over("rejected")
            case "Redirect":
                return (yield from self._ask(document, verb, verb.text, call))
            case "Connect":
                stream = verb.children[0]
                parameters = {each.attributes["name"]: each.attributes["value"] for each in stream.children}
                yield Streams(urljoin(document.url, stream.attributes["url"]), parameters, call.sid)
                return (yield from self._act(document, verb, call))
            case "Gather":
                return (yield from self._gather(document, verb, call, person))
            case "Record":
                return (yield from self._record(document, verb, call, person))
            case "Dial":
                return (yield from self._dial(document, verb, call))
        return None

    def _ask(self, document: TwimlDocument, verb: Verb, address: str, call: CallAccount, **more: str) -> _Steps:
        """A webhook, and its document; None once the caller has hung up."""
        url = urljoin(document.url, address)
        following = yield Asks(url, call.params(**more), verb.attributes.get("method", "POST"))
        return None if self._over else following

    def _act(self, document: TwimlDocument, verb: Verb, call: CallAccount, **more: str) -> _Steps:
        """The action, if the verb has one."""
        if not (action := verb.attributes.get("action")):
            return None
        return (yield from self._ask(document, verb, action, call, **more))

    def _gather(self, document: TwimlDocument, verb: Verb, call: CallAccount, person: _Person) -> _Steps:
        """Keys, as they were planned."""
        get = verb.attributes.get
        for child in verb.children:
            yield from self._verb(document, child, call, person)
        keys, finish = (person.keys.pop(0) if person.keys else ""), get("finishOnKey", "#")
        ended_by = next((key for key in keys if key in finish), "")
        taken = keys.split(ended_by)[0] if ended_by else keys
        taken = taken[: int(get("numDigits", "0")) or None]
        if not taken and get("actionOnEmptyResult") != "true":
            return None
        address = get("action", document.url)
        return (yield from self._ask(document, verb, address, call, Digits=taken, FinishedOnKey=ended_by))

    def _record(self, document: TwimlDocument, verb: Verb, call: CallAccount, person: _Person) -> _Steps:
        """A message, as it was planned."""
        seconds = person.messages_s.pop(0) if person.messages_s else 0
        if not seconds:
            return None
        sid = "RE" + secrets.token_hex(16)
        more = {
            "RecordingSid": sid,
            "RecordingUrl": f"https://api.twilio.com/2010-04-01/Accounts/{call.account_sid}/Recordings/{sid}",
            "RecordingDuration": str(min(seconds, int(verb.attributes.get("maxLength", "3600")))),
        }
        address = verb.attributes.get("action", document.url)
        return (yield from self._ask(document, verb, address, call, **more))

    # Others

    def _dial(self, document: TwimlDocument, verb: Verb, call: CallAccount) -> _Steps:
        """Numbers, one after the other or at once, or a conference; then the action."""
        nouns = verb.children or (Verb("Number", {}, verb.text),)
        if nouns[0].name == "Conference":
            yield Confers(nouns[0].text, nouns[0].attributes, call.sid)
            return (yield from self._act(document, verb, call, DialCallStatus="answered", DialBridged="true"))
        groups = [[noun] for noun in nouns] if verb.attributes.get("sequential") == "true" else [list(nouns)]
        more: dict[str, str] = {}
        for group in groups:
            more = yield from self._group(document, verb, call, group)
            if more["DialBridged"] == "true":
                break
        return (yield from self._act(document, verb, call, **more))

    def _group(
        self, document: TwimlDocument, verb: Verb, call: CallAccount, nouns: list[Verb]
    ) -> Generator[Step, TwimlDocument | None, dict[str, str]]:
        """These at once; what the action is told."""
        self.dialled.extend(noun.text for noun in nouns)
        callees = [self.callees.take(noun.text) for noun in nouns]
        course = dial_course(callees, float(verb.attributes.get("timeout", "30")))
        caller_id = verb.attributes.get("callerId", call.caller)
        legs = [
            CallAccount(
                "CA" + secrets.token_hex(16),
                call.account_sid,
                caller_id,
                noun.text.partition("?")[0],
                "outbound-dial",
                call.sid,
            )
            for noun in nouns
        ]
        for leg, noun, attempt in zip(legs, nouns, course.attempts, strict=True):
            won = attempt.status == "completed"
            self._notify(document, noun, leg, ("queued", "ringing", "in-progress" if won else attempt.status))
        if course.winner is None:
            return {"DialCallStatus": course.status, "DialCallSid": legs[-1].sid, "DialBridged": "false"}
        leg, noun = legs[course.winner], nouns[course.winner]
        is_bridged = yield from self._whisper(document, noun, leg)
        self._notify(document, noun, leg, ("completed",))
        more = {"DialCallSid": leg.sid, "DialBridged": str(is_bridged).lower()}
        if not is_bridged:
            return {"DialCallStatus": self.refused_dial_status, **more}
        seconds = self._talked_s(callees[course.winner], verb)
        return {"DialCallStatus": "completed", "DialCallDuration": str(seconds), **more}

    def _talked_s(self, callee: Callee, verb: Verb) -> int:
        """How long they stay; a call that is gone at once counts a second."""
        seconds = 1 if callee.script.steps == (HangUp(),) else self.talks_s
        return min(seconds, int(verb.attributes.get("timeLimit", "14400")))

    def _whisper(
        self, document: TwimlDocument, noun: Verb, leg: CallAccount
    ) -> Generator[Step, TwimlDocument | None, bool]:
        """The called party's own document; whether it came to its end by itself."""
        if not (url := noun.attributes.get("url")):
            return True
        person = _Person(list(self.called_party.keys), list(self.called_party.messages_s))
        following = yield from self._ask(document, noun, url, leg)
        while following is not None and self._over is None:
            following = yield from self._follow(following, leg, person)
        over, self._over = self._over, None
        if over is not None and over.reason in ("caller_hung_up", "error"):
            self._over = over
        return over is None

    def _notify(self, document: TwimlDocument, noun: Verb, leg: CallAccount, statuses: tuple[str, ...]) -> None:
        """The number's own status callback."""
        get = noun.attributes.get
        wanted = get("statusCallbackEvent", "completed").split()
        for status in statuses:
            leg.turn(status)
            event = {"queued": "initiated", "ringing": "ringing", "in-progress": "answered"}.get(status, "completed")
            if get("statusCallback") and event in wanted:
                told = "initiated" if event == "initiated" else status
                url = urljoin(document.url, get("statusCallback", ""))
                self.notices.append(Asks(url, leg.params(CallStatus=told), get("statusCallbackMethod", "POST")))
