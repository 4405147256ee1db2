"""The verbs that the network carries out itself, without a stream: speak, play, wait, ring, take keys, record."""

from __future__ import annotations

import audioop
import io
import secrets
from collections.abc import Awaitable, Callable
from enum import Enum, auto
from typing import Protocol

from ivr_bridge.errors import AudioFormatError, MissingExtraError
from ivr_bridge.simulator.phone import sounds
from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import Ending
from ivr_bridge.simulator.phone.hearing import MULAW_SILENCE
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.network_leg import Interlude, NetworkLeg, never
from ivr_bridge.simulator.phone.report import NetworkRecording
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb
from ivr_bridge.simulator.phone.voices import load_wav
from ivr_bridge.simulator.phone.webhooks import Webhooks

RECORDING_URL = "https://api.twilio.com/2010-04-01/Accounts/{account}/Recordings/{sid}"
DIAL_TIMEOUT_S, GATHER_TIMEOUT_S, RECORD_TIMEOUT_S, RECORD_MAX_S = 30, 5, 5, 3600
RECORD_FINISH_KEYS = "1234567890*#"
TONE_NOTE = "(a tone stands for it) "
"""Before the text of an event, when what is heard is not what is meant."""


class Flow(Enum):
    """What follows a verb, unless it is another document."""

    NEXT_VERB = auto()
    END = auto()


Outcome = TwimlDocument | Flow


class AskAction(Protocol):
    """Asks a verb's URL, as `PlacedCall` does; None when there is no document to go on with."""

    async def __call__(
        self, document: TwimlDocument, verb: Verb, address: str, reason: str, **more: str
    ) -> TwimlDocument | None:
        """The document at `address`."""
        ...


class NetworkVerbs:
    """Carries them out for one call.

    `hang_up` is told when the caller has hung up during a verb, before any action is asked; `served` after words or
    sound were heard.
    """

    def __init__(
        self,
        line: Line,
        webhooks: Webhooks,
        leg: NetworkLeg,
        log: CallLog,
        *,
        ask: AskAction,
        hang_up: Callable[[Ending], None],
        served: Callable[[], None],
    ) -> None:
        self._line = line
        self._webhooks = webhooks
        self._leg = leg
        self._log = log
        self._ask = ask
        self._hang_up = hang_up
        self._served = served
        self.by_name: dict[str, Callable[[TwimlDocument, Verb], Awaitable[Outcome]]] = {
            "Say": self._say,
            "Play": self._play,
            "Pause": self._pause,
            "Dial": self._dial,
            "Gather": self._gather,
            "Record": self._record,
        }

    async def _hear(
        self, mulaw: bytes, *, until: Callable[[Interlude], bool] = never, length_ms: int | None = None
    ) -> Interlude:
        """Play, and pass on that the caller has hung up."""
        interlude = await self._leg.play(mulaw, until=until, length_ms=length_ms)
        if interlude.ending:
            self._hang_up(interlude.ending)
        return interlude

    # What is heard

    async def _say(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """The network speaks."""
        return await self._sound(document, verb)

    async def _play(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """A file or keys are played."""
        return await self._sound(document, verb)

    async def _pause(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """Dead air."""
        return await self._sound(document, verb)

    async def _sound(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """Whichever of the three; nothing but hanging up ends it early."""
        clip = await self._clip(document, verb)
        heard = await self._hear(clip)
        if verb.name != "Pause":
            self._served()
        return Flow.END if heard.ending else Flow.NEXT_VERB

    async def _clip(self, document: TwimlDocument, verb: Verb) -> bytes:
        """What `<Say>`, `<Play>` or `<Pause>` sounds like; noted."""
        if verb.name == "Pause":
            return MULAW_SILENCE * (_number(verb, "length", 1) * 8000)
        if verb.name == "Play":
            clip, note = await self._recorded(document, verb)
        else:
            spoken = sounds.words(verb.text, verb.attributes.get("language", "en")) if self._line.in_real_time else None
            clip = spoken or sounds.stand_in(len(verb.text) * sounds.TONE_MS_PER_CHAR)
            note = verb.text if spoken or not self._line.in_real_time else TONE_NOTE + verb.text
            self._log.said_by_network.append(verb.text)
            self._log.note("said_by_network", note)
        return clip * max(1, _number(verb, "loop", 1))

    async def _recorded(self, document: TwimlDocument, verb: Verb) -> tuple[bytes, str]:
        """A `<Play>`: a file of ours is fetched and must be audio; another's is a tone here."""
        digits = verb.attributes.get("digits", "")
        note = verb.text or digits
        self._log.played_by_network.append(note)
        url = self._line.known_url(verb.text, base=document.url)
        if not verb.text:
            clip = sounds.keys(digits)
        elif self._line.dialled_url(url):
            answer = await self._webhooks.ask(url, {}, method="GET")
            clip = b""
            if answer.problem or not answer.content_type.startswith("audio/"):
                self._log.violation(answer.problem or f"12300 <Play> of {answer.content_type}, which is not audio")
            else:
                try:
                    clip = audioop.lin2ulaw(load_wav(io.BytesIO(answer.body)), 2)
                except (AudioFormatError, MissingExtraError):
                    clip, note = sounds.stand_in(sounds.UNKNOWN_CLIP_MS), TONE_NOTE + note
        else:
            clip, note = sounds.stand_in(sounds.UNKNOWN_CLIP_MS), TONE_NOTE + note
        self._log.note("played_by_network", note)
        return clip, note

    # Who is asked afterwards

    async def _dial(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """A third party is called: it rings, and what the line says becomes of it is told to the action.

        Source: https://www.twilio.com/docs/voice/twiml/dial
        """
        line, log = self._line, self._log
        log.dialled.append(verb.text)
        log.note("dialled", verb.text)
        status, talked_s, ending = line.dial_call_status, 0.0, None
        if status in ("completed", "no-answer"):
            log.note("ringing", verb.text)
            ring_ms = round(min(line.dial_ring_s, _number(verb, "timeout", DIAL_TIMEOUT_S)) * 1000)
            ending = (await self._hear(sounds.ringing(ring_ms), length_ms=ring_ms)).ending
        if status == "completed" and not ending:
            log.note("person_speaking", sounds.HELLO)
            hello = sounds.hello() if line.in_real_time else sounds.stand_in(1000)
            stays_ms = len(hello) // 8 + round(line.person_listens_s * 1000)
            talk = await self._hear(hello, length_ms=stays_ms)
            talked_s, ending = talk.elapsed_ms / 1000, talk.ending
        elif ending:
            status = "no-answer"
        log.dial_statuses.append(status)
        log.note("dial_ended", f"{status} after {talked_s:.0f} s" if talked_s else status)
        if not (action := verb.attributes.get("action")):
            return Flow.END if ending else Flow.NEXT_VERB
        more = {"DialCallStatus": status, "DialCallSid": "CA" + secrets.token_hex(16)}
        if status == "completed":
            more |= {"DialCallDuration": str(max(1, round(talked_s))), "DialBridged": "true"}
        following = await self._ask(document, verb, action, "action_failed", **more)
        return Flow.END if ending or not following else following

    async def _gather(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """Says what is inside, which a key ends, then waits for keys; without any the next verb runs.

        Source: https://www.twilio.com/docs/voice/twiml/gather
        """
        finish = verb.attributes.get("finishOnKey", "#")
        limit = _number(verb, "numDigits", 0)
        timeout_ms = _number(verb, "timeout", GATHER_TIMEOUT_S) * 1000
        keys = ""
        for child in verb.children:
            heard = await self._hear(await self._clip(document, child), until=lambda now: bool(now.keys))
            keys += heard.keys
            if keys or heard.ending:
                break
        else:
            heard = Interlude()

        def complete(now: Interlude) -> bool:
            pressed = keys + now.keys
            is_whole = bool(limit and len(pressed) >= limit) or any(key in finish for key in pressed)
            return is_whole or now.elapsed_ms - now.keyed_at_ms >= timeout_ms

        if not heard.ending:
            heard = await self._hear(b"", until=complete, length_ms=3600_000)
            keys += heard.keys
        if heard.ending:
            return Flow.END
        ended_by = next((key for key in keys if key in finish), "")
        taken = keys.split(ended_by)[0] if ended_by else keys
        taken = taken[:limit] if limit else taken
        if not taken and verb.attributes.get("actionOnEmptyResult") != "true":
            return Flow.NEXT_VERB
        address = verb.attributes.get("action", document.url)
        more = {"Digits": taken, "FinishedOnKey": ended_by}
        return await self._ask(document, verb, address, "action_failed", **more) or Flow.END

    async def _record(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """Voicemail: what the caller says, until a key, silence or its greatest length ends it.

        A message without a word is none: the next verb runs. A caller who hangs up has ended it, too: the action is
        told, and its document is not run.

        Source: https://www.twilio.com/docs/voice/twiml/record
        """
        finish = verb.attributes.get("finishOnKey", RECORD_FINISH_KEYS)
        silence_ms = _number(verb, "timeout", RECORD_TIMEOUT_S) * 1000
        max_ms = _number(verb, "maxLength", RECORD_MAX_S) * 1000
        if verb.attributes.get("playBeep", "true") == "true":
            before = await self._hear(sounds.beep())
            if before.ending:
                return Flow.END
        self._log.note("recording_started")
        taken = await self._leg.play(
            b"",
            length_ms=max_ms,
            until=lambda now: (
                any(key in finish for key in now.keys)
                or (silence_ms > 0 and now.elapsed_ms - now.spoke_until_ms >= silence_ms)
            ),
        )
        sid = "RE" + secrets.token_hex(16)
        if taken.spoke_until_ms:
            self._log.recordings.append(NetworkRecording(sid, bytes(taken.caller)))
        self._log.note(
            "recording_ended", f"{taken.elapsed_ms / 1000:.1f} s" if taken.spoke_until_ms else "nothing said"
        )
        if taken.ending:
            self._hang_up(taken.ending)
        if not taken.spoke_until_ms:
            return Flow.END if taken.ending else Flow.NEXT_VERB
        ended_by = "hangup" if taken.ending else next((key for key in taken.keys if key in finish), "")
        more = {
            "RecordingSid": sid,
            "RecordingUrl": RECORDING_URL.format(account=self._line.account_sid, sid=sid),
            "RecordingDuration": str(max(1, taken.elapsed_ms // 1000)),
            **({"Digits": ended_by} if ended_by else {}),
        }
        address = verb.attributes.get("action", document.url)
        following = await self._ask(document, verb, address, "action_failed", **more)
        return Flow.END if taken.ending or not following else following


def _number(verb: Verb, attribute: str, default: int) -> int:
    """A whole number of an attribute; the default when it is absent or is none."""
    text = verb.attributes.get(attribute, "")
    return int(text) if text.isdecimal() else default
