"""Verbs that record: `<Record>` takes a message, `<Start><Recording>` the call from now on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ivr_bridge.simulator.phone import recorder, sounds
from ivr_bridge.simulator.phone.call_side import CallSide
from ivr_bridge.simulator.phone.flow import Flow, Outcome
from ivr_bridge.simulator.phone.network_leg import Interlude
from ivr_bridge.simulator.phone.network_verbs import NetworkVerbs, number_of
from ivr_bridge.simulator.phone.recordings import Notice
from ivr_bridge.simulator.phone.report import NetworkRecording
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb

RECORD_TIMEOUT_S, RECORD_MAX_S = 5, 3600
RECORD_FINISH_KEYS = "1234567890*#"


class RecordVerb:
    """Carries them out for one call."""

    def __init__(self, side: CallSide, verbs: NetworkVerbs) -> None:
        self._side = side
        self._verbs = verbs
        self.by_name: dict[str, Callable[[TwimlDocument, Verb], Awaitable[Outcome]]] = {
            "Record": self._record,
            "Start": self._start,
        }

    async def _start(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """The call is recorded from now on; the next verb runs at once.

        Source: https://www.twilio.com/docs/voice/twiml/recording
        """
        get = verb.children[0].attributes.get
        channels = 2 if get("channels") == "dual" else 1
        notice = notice_at(self._side, document, verb.children[0])
        await recorder.record_call(
            self._side, "StartCallRecordingAPI", channels=channels, track=get("track", "both"), notice=notice
        )
        return Flow.NEXT_VERB

    async def _record(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """Voicemail: what the caller says, until a key, silence or its greatest length ends it.

        A message without a word is none: the next verb runs. A caller who hangs up has ended it, too: the action is
        told, and its document is not run.

        Source: https://www.twilio.com/docs/voice/twiml/record
        """
        finish = verb.attributes.get("finishOnKey", RECORD_FINISH_KEYS)
        if verb.attributes.get("playBeep", "true") == "true":
            before = await self._verbs.hear(sounds.beep())
            if before.ending:
                return Flow.END
        taken = await self._taken(verb, finish)
        if not taken.spoke_until_ms:
            return Flow.END if taken.ending else Flow.NEXT_VERB
        side = self._side
        kept = await recorder.keep_message(side, bytes(taken.caller), notice_at(side, document, verb))
        side.log.recordings.append(NetworkRecording(kept.sid, bytes(taken.caller)))
        ended_by = "hangup" if taken.ending else next((key for key in taken.keys if key in finish), "")
        more = {
            "RecordingSid": kept.sid,
            "RecordingUrl": side.network.recordings.url(kept),
            "RecordingDuration": str(max(1, taken.elapsed_ms // 1000)),
            **({"Digits": ended_by} if ended_by else {}),
        }
        address = verb.attributes.get("action", document.url)
        following = await side.ask(document, verb, address, "action_failed", **more)
        await recorder.tell(side.network.recordings, side.webhooks, kept, kept.status)
        return Flow.END if taken.ending or not following else following

    async def _taken(self, verb: Verb, finish: str) -> Interlude:
        """The recorder runs; a caller who hangs up is told to the call after it."""
        silence_ms = number_of(verb, "timeout", RECORD_TIMEOUT_S) * 1000
        side = self._side
        side.log.note("recording_started")
        taken = await side.ear.play(
            b"",
            length_ms=number_of(verb, "maxLength", RECORD_MAX_S) * 1000,
            until=lambda now: (
                any(key in finish for key in now.keys)
                or (silence_ms > 0 and now.elapsed_ms - now.spoke_until_ms >= silence_ms)
            ),
        )
        side.log.note("recording_ended", f"{taken.elapsed_ms / 1000:.1f} s" if taken.spoke_until_ms else "nothing said")
        if taken.ending:
            side.hang_up(taken.ending)
        return taken


def notice_at(side: CallSide, document: TwimlDocument, verb: Verb) -> Notice:
    """Whom a verb's recording is told to."""
    address = verb.attributes.get("recordingStatusCallback", "")
    return recorder.notice_of(verb.attributes, side.line.known_url(address, base=document.url) if address else "")
