"""What Twilio shall do next, as TwiML text. No document has a `<Pause>`: callers would hear dead air.

Source: https://www.twilio.com/docs/voice/twiml
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from twilio.twiml.voice_response import Connect, Gather, VoiceResponse

from ivr_bridge.twilio.sip_address import is_sip, with_headers

if TYPE_CHECKING:
    from ivr_bridge.twilio.call_desk import DialNumber, GatherKeys, JoinRoom

TWIML_LANGUAGES = {"en": "en-US", "es": "es-MX", "zh": "cmn-CN"}
"""Our language -> the one that Twilio's voices know it by."""

SAY_MAX_CHARS = 4096
"""Twilio refuses a longer `<Say>`."""

_NOT_XML = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words that Twilio's own voice reads to the caller: the last resort, when no audio of ours can reach them.

    `language` is `en`, `es` or `zh`, or a code that Twilio knows (`en-GB`), which is passed on. `audio_urls` is where
    the same words lie as audio, all of them, in order: then Twilio plays that instead.
    """

    text: str
    language: str
    audio_urls: tuple[str, ...] = ()


def connect_stream(
    *, stream_url: str, action_url: str, status_url: str, token: str, apology: Spoken, digits: str = ""
) -> str:
    """Connect the call to our media socket, after pressing keys if there are any; then Twilio asks `action_url`.

    The apology and the hang-up stand after `<Connect>` for the day on which `action_url` does not answer either.

    Args:
        stream_url: `wss://` (`ws://` on loopback), without a query: Twilio strips it.
        action_url: absolute; asked by POST when the stream has ended, however it ended.
        status_url: absolute; gets the stream's notices.
        token: comes back in `start`; name and value together must stay under 500 characters.
        apology: read out when nothing else can be.
        digits: `0-9A-D*#`, `w` for half a second of silence.

    Source: https://www.twilio.com/docs/voice/twiml/stream
    """
    response = VoiceResponse()
    if digits:
        response.play(digits=digits)
    connect = Connect(action=action_url, method="POST")
    stream = connect.stream(url=stream_url, status_callback=status_url)
    stream.parameter(name="token", value=token)
    response.append(connect)
    _say(response, replace(apology, audio_urls=()))  # on that day nobody would give out the audio either
    response.hangup()
    return str(response)


def say_and_hang_up(spoken: Spoken) -> str:
    """Read out the words, then end the call."""
    response = VoiceResponse()
    _say(response, spoken)
    response.hangup()
    return str(response)


def dial(person: DialNumber, action_url: str) -> str:
    """Read out the words, if any, then put the caller through to a person; afterwards `action_url` is asked.

    Source: https://www.twilio.com/docs/voice/twiml/dial
    """
    response = VoiceResponse()
    if person.spoken is not None:
        _say(response, person.spoken)
    noun = _NOT_XML.sub("", with_headers(person.number, person.headers))
    more = {"caller_id": person.caller_id or None, "timeout": person.ring_s, "time_limit": person.limit_s}
    if is_sip(noun):
        response.dial(action=action_url, method="POST", **more).sip(noun)
    else:
        response.dial(noun, action=action_url, method="POST", **more)
    return str(response)


def join_room(answer: JoinRoom, action_url: str | None) -> str:
    """Read out the words, if any, then put the leg into a conference; whoever leaves it first ends it for both.

    Args:
        answer: the room, and who joins: it begins when the person comes.
        action_url: asked afterwards; None: the call of that leg ends with it.

    Source: https://www.twilio.com/docs/voice/twiml/conference
    """
    response = VoiceResponse()
    if answer.spoken is not None:
        _say(response, answer.spoken)
    more = {"action": action_url, "method": "POST"} if action_url is not None else {}
    response.dial(time_limit=answer.limit_s, **more).conference(
        answer.room,
        start_conference_on_enter=answer.as_person,
        end_conference_on_exit=True,
        beep="false",
        wait_url=answer.hold_url,
        wait_method="GET",
        max_participants=2,
    )
    return str(response)


def ask_to_accept(spoken: Spoken, action_url: str, wait_s: int) -> str:
    """Read out the words and wait for one key; `action_url` is asked, with or without it.

    Source: https://www.twilio.com/docs/voice/twiml/gather
    """
    response = VoiceResponse()
    gather = response.gather(
        input="dtmf",
        num_digits=1,
        timeout=wait_s,
        finish_on_key="",
        action_on_empty_result=True,
        action=action_url,
        method="POST",
    )
    _say(gather, spoken)
    response.hangup()
    return str(response)


def gather_keys(answer: GatherKeys, action_url: str) -> str:
    """Read out the words and take keys, which `action_url` is asked about; without any, other words and the end.

    Source: https://www.twilio.com/docs/voice/twiml/gather
    """
    response = VoiceResponse()
    limit = {"finish_on_key": "#"} if answer.n_digits is None else {"num_digits": answer.n_digits, "finish_on_key": ""}
    gather = response.gather(input="dtmf", timeout=answer.wait_s, action=action_url, method="POST", **limit)
    _say(gather, answer.spoken)
    _say(response, answer.otherwise)
    response.hangup()
    return str(response)


def record(*, spoken: Spoken | None, thanks: Spoken, max_s: int, action_url: str) -> str:
    """Read out the words, if any, and take a message after the tone; `action_url` is told where it is.

    Without a sound of the caller's Twilio asks nobody and goes on: then `thanks` is said, and the call ends.

    Source: https://www.twilio.com/docs/voice/twiml/record
    """
    response = VoiceResponse()
    if spoken is not None:
        _say(response, spoken)
    response.record(action=action_url, method="POST", max_length=max_s, play_beep=True, finish_on_key="#", timeout=5)
    _say(response, thanks)
    response.hangup()
    return str(response)


def hang_up() -> str:
    """End the call."""
    response = VoiceResponse()
    response.hangup()
    return str(response)


def _say(response: VoiceResponse | Gather, spoken: Spoken) -> None:
    """Play it, else read it out: skip words that are none; drop what XML cannot carry; cut what Twilio would refuse."""
    for url in spoken.audio_urls:
        response.play(url)
    if spoken.audio_urls:
        return
    text = _NOT_XML.sub("", spoken.text).strip()[:SAY_MAX_CHARS]
    if text:
        response.say(text, language=TWIML_LANGUAGES.get(spoken.language, spoken.language))
