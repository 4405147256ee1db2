"""`<Dial><Conference>`: the call takes part in a conference until it leaves, is taken out, or the conference ends."""

from __future__ import annotations

from ivr_bridge.errors import AudioFormatError
from ivr_bridge.simulator.phone import sounds
from ivr_bridge.simulator.phone.call_side import CallSide
from ivr_bridge.simulator.phone.conference import Conference, Member
from ivr_bridge.simulator.phone.network_leg import Interlude
from ivr_bridge.simulator.phone.network_verbs import NetworkVerbs, number_of
from ivr_bridge.simulator.phone.record_verb import notice_at
from ivr_bridge.simulator.phone.recordings import Notice
from ivr_bridge.simulator.phone.room import Leaving, Seat
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument, Verb, read_twiml
from ivr_bridge.simulator.phone.wav_clip import AUDIO_TYPES, wav_clip

TIME_LIMIT_S = 14_400
MOST_PARTICIPANTS = 250
_HEARD_VERBS = frozenset({"Say", "Play", "Pause", "Redirect"})
_CONFERENCE_EVENTS = "start end"


async def dial_conference(side: CallSide, document: TwimlDocument, verb: Verb) -> dict[str, str]:
    """Take part; returns what the action is told.

    Source: https://www.twilio.com/docs/voice/twiml/conference
    """
    noun = verb.children[0]
    get = noun.attributes.get
    conference = side.network.live_conference(noun.text) or _new_conference(side, document, noun)
    limit_ms = number_of(verb, "timeLimit", TIME_LIMIT_S) * 1000
    hangs_up_on_star = verb.attributes.get("hangupOnStar") == "true"

    def is_enough(now: Interlude) -> bool:
        return now.elapsed_ms >= limit_ms or (hangs_up_on_star and "*" in now.keys)

    if len(conference.members) >= number_of(noun, "maxParticipants", MOST_PARTICIPANTS):
        side.log.violation(f"16020 the conference {noun.text!r} is full")
        return {"DialCallStatus": "failed", "DialBridged": "false"}
    wait_url = noun.attributes.get("waitUrl")
    music = sounds.hold_music()
    if wait_url is not None:
        url = side.line.known_url(wait_url, base=document.url) if wait_url else ""
        music = await sound_at(side, url, get("waitMethod", "POST"))
    seat = Seat(
        side.sid,
        side.ear,
        is_muted=get("muted") == "true",
        coaches=get("coach", ""),
        until=is_enough,
        music=music,
    )
    member = Member(
        seat,
        get("participantLabel", ""),
        get("startConferenceOnEnter", "true") == "true",
        get("endConferenceOnExit") == "true",
        get("beep", "true"),
    )
    side.log.dialled.append(noun.text)
    side.log.note("conference_joined", noun.text)
    side.account.turn("in-progress")
    why: Leaving = "moved"
    try:
        await conference.join(member)
        why = await seat.left
    finally:
        if seat.interlude.ending:
            side.hang_up(seat.interlude.ending)
        await conference.left(member, why)
        side.log.note("conference_left", why)
        side.log.dial_statuses.append("answered" if conference.has_begun else "no-answer")
    return {"DialCallStatus": "answered", "DialBridged": "true"}


async def sound_at(side: CallSide, url: str, method: str) -> bytes:
    """What a waitUrl, holdUrl or announceUrl sounds like: audio, or TwiML of words and sound; empty: silence."""
    if not url:
        return b""
    if not side.line.dialled_url(url):
        return sounds.hold_music()
    answer = await side.webhooks.ask(url, side.params(), method=method)
    if answer.problem:
        side.log.violation(answer.problem)
        return b""
    if answer.content_type in AUDIO_TYPES:
        try:
            return wav_clip(answer.body)
        except AudioFormatError:
            return sounds.stand_in(sounds.UNKNOWN_CLIP_MS)
    document = read_twiml(answer.body, answer.content_type, answer.url)
    wrong = [f"12200 <{verb.name}> is not understood here" for verb in document.verbs if verb.name not in _HEARD_VERBS]
    for problem in (*document.problems, *filter(None, [document.fatal]), *wrong):
        side.log.violation(problem)
    if wrong:
        return b""
    verbs = NetworkVerbs(side)
    return b"".join([await verbs.clip(document, verb) for verb in document.verbs if verb.name != "Redirect"])


def _new_conference(side: CallSide, document: TwimlDocument, noun: Verb) -> Conference:
    """A conference as its first participant wants it."""
    get = noun.attributes.get
    url = get("statusCallback", "")
    told = Notice(
        side.line.known_url(url, base=document.url) if url else "",
        get("statusCallbackMethod", "POST"),
        frozenset(get("statusCallbackEvent", _CONFERENCE_EVENTS).split()),
    )
    is_recorded = get("record") in ("record-from-start", "true")
    conference = Conference(
        noun.text,
        side.line.account_sid,
        side.network.webhooks(),
        told=told,
        shelf=side.network.recordings,
        recorded=notice_at(side, document, noun) if is_recorded else None,
    )
    side.network.conferences[conference.sid] = conference
    return conference
