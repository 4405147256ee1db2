"""The verbs that the network carries out itself, without a stream: speak, play, wait, take keys."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from ivr_bridge.errors import AudioFormatError, MissingExtraError
from ivr_bridge.simulator.phone import sounds
from ivr_bridge.simulator.phone.call_side import CallSide
from ivr_bridge.simulator.phone.flow import Flow, Outcome
from ivr_bridge.simulator.phone.hearing import MULAW_SILENCE
from ivr_bridge.simulator.phone.network_leg import Interlude, never
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb
from ivr_bridge.simulator.phone.wav_clip import AUDIO_TYPES, is_wav, wav_clip

GATHER_TIMEOUT_S = 5
TONE_NOTE = "(a tone stands for it) "
"""Before the text of an event, when what is heard is not what is meant."""


class NetworkVerbs:
    """Carries them out for one call."""

    def __init__(self, side: CallSide) -> None:
        self._side = side
        self.by_name: dict[str, Callable[[TwimlDocument, Verb], Awaitable[Outcome]]] = {
            "Say": self._sound,
            "Play": self._sound,
            "Pause": self._sound,
            "Gather": self._gather,
        }

    async def hear(
        self, mulaw: bytes, *, until: Callable[[Interlude], bool] = never, length_ms: int | None = None
    ) -> Interlude:
        """Play, and pass on that the person has hung up."""
        interlude = await self._side.ear.play(mulaw, until=until, length_ms=length_ms)
        if interlude.ending:
            self._side.hang_up(interlude.ending)
        return interlude

    async def _sound(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """The network speaks, plays a file or keys, or is silent; nothing but hanging up ends it early."""
        clip = await self.clip(document, verb)
        heard = await self.hear(clip)
        if verb.name != "Pause":
            self._side.served()
        return Flow.END if heard.ending else Flow.NEXT_VERB

    async def clip(self, document: TwimlDocument, verb: Verb) -> bytes:
        """What `<Say>`, `<Play>` or `<Pause>` sounds like, mu-law; noted."""
        side = self._side
        if verb.name == "Pause":
            return MULAW_SILENCE * (number_of(verb, "length", 1) * 8000)
        if verb.name == "Play":
            clip, note = await self._recorded(document, verb)
        else:
            spoken = sounds.words(verb.text, verb.attributes.get("language", "en")) if side.line.in_real_time else None
            clip = spoken or sounds.stand_in(len(verb.text) * sounds.TONE_MS_PER_CHAR)
            note = verb.text if spoken or not side.line.in_real_time else TONE_NOTE + verb.text
            side.log.said_by_network.append(verb.text)
            side.log.note("said_by_network", note)
        return clip * max(1, number_of(verb, "loop", 1))

    async def _recorded(self, document: TwimlDocument, verb: Verb) -> tuple[bytes, str]:
        """A `<Play>`: a file of ours is fetched and must be audio; another's is a tone here."""
        side = self._side
        digits = verb.attributes.get("digits", "")
        note = verb.text or digits
        side.log.played_by_network.append(note)
        if not verb.text:
            clip: bytes | None = sounds.keys(digits)
        else:
            url = side.line.known_url(verb.text, base=document.url)
            clip = await self._fetched(url) if side.line.dialled_url(url) else None
        if clip is None:
            clip, note = sounds.stand_in(sounds.UNKNOWN_CLIP_MS), TONE_NOTE + note
        side.log.note("played_by_network", note)
        return clip, note

    async def _fetched(self, url: str) -> bytes | None:
        """The sound at a URL; nothing (and a violation) when there is none, None when a tone must stand for it."""
        side = self._side
        answer = await side.webhooks.ask(url, {}, method="GET")
        if answer.problem or answer.content_type not in AUDIO_TYPES:
            side.log.violation(answer.problem or f"12300 <Play> of {answer.content_type}, which is not audio")
            return b""
        try:
            return wav_clip(answer.body)
        except (AudioFormatError, MissingExtraError) as error:
            if is_wav(answer.content_type) and isinstance(error, AudioFormatError):
                side.log.violation(f"12300 <Play>: {error}")
                return b""
            return None

    async def _gather(self, document: TwimlDocument, verb: Verb) -> Outcome:
        """Says what is inside, which a key ends, then waits for keys; without any the next verb runs.

        Source: https://www.twilio.com/docs/voice/twiml/gather
        """
        finish = verb.attributes.get("finishOnKey", "#")
        limit = number_of(verb, "numDigits", 0)
        timeout_ms = number_of(verb, "timeout", GATHER_TIMEOUT_S) * 1000
        keys = ""
        for child in verb.children:
            heard = await self.hear(await self.clip(document, child), until=lambda now: bool(now.keys))
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
            heard = await self.hear(b"", until=complete, length_ms=3600_000)
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
        return await self._side.ask(document, verb, address, "action_failed", **more) or Flow.END


def number_of(verb: Verb, attribute: str, default: int) -> int:
    """A whole number of an attribute; the default when it is absent."""
    return int(verb.attributes.get(attribute, default))
