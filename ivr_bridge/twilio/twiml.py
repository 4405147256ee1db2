"""What Twilio shall do next, as TwiML text. No document has a `<Pause>`: callers would hear dead air.

Source: https://www.twilio.com/docs/voice/twiml
"""

import re
from dataclasses import dataclass

from twilio.twiml.voice_response import Connect, VoiceResponse

TWIML_LANGUAGES = {"en": "en-US", "es": "es-MX", "zh": "cmn-CN"}
"""Our language -> the one that Twilio's voices know it by."""

SAY_MAX_CHARS = 4096
"""Twilio refuses a longer `<Say>`."""

_NOT_XML = re.compile(r"[^\t\n\r\x20-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]")


@dataclass(frozen=True, slots=True)
class Spoken:
    """Words that Twilio's own voice reads to the caller: the last resort, when no audio of ours can reach them.

    `language` is `en`, `es` or `zh`, or a code that Twilio knows (`en-GB`), which is passed on.
    """

    text: str
    language: str


def connect_stream(*, stream_url: str, action_url: str, status_url: str, token: str, apology: Spoken) -> str:
    """Connect the call to our media socket; then Twilio asks `action_url` what follows.

    The apology and the hang-up stand after `<Connect>` for the day on which `action_url` does not answer either.

    Args:
        stream_url: `wss://` (`ws://` on loopback), without a query: Twilio strips it.
        action_url: absolute; asked by POST when the stream has ended, however it ended.
        status_url: absolute; gets the stream's notices.
        token: comes back in `start`; name and value together must stay under 500 characters.
        apology: read out when nothing else can be.

    Source: https://www.twilio.com/docs/voice/twiml/stream
    """
    response = VoiceResponse()
    connect = Connect(action=action_url, method="POST")
    stream = connect.stream(url=stream_url, status_callback=status_url)
    stream.parameter(name="token", value=token)
    response.append(connect)
    _say(response, apology)
    response.hangup()
    return str(response)


def say_and_hang_up(spoken: Spoken) -> str:
    """Read out the words, then end the call."""
    response = VoiceResponse()
    _say(response, spoken)
    response.hangup()
    return str(response)


def dial(number: str, spoken: Spoken | None, action_url: str, ring_s: int | None = None) -> str:
    """Read out the words, if any, then put the caller through to `number`; afterwards `action_url` is asked.

    A number that begins with `sip:` or `sips:` is dialled as an address.

    Source: https://www.twilio.com/docs/voice/twiml/dial
    """
    response = VoiceResponse()
    if spoken is not None:
        _say(response, spoken)
    noun = _NOT_XML.sub("", number)
    limit = {} if ring_s is None else {"timeout": ring_s}
    if noun.startswith(("sip:", "sips:")):
        response.dial(action=action_url, method="POST", **limit).sip(noun)
    else:
        response.dial(noun, action=action_url, method="POST", **limit)
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


def _say(response: VoiceResponse, spoken: Spoken) -> None:
    """Skip words that are none; drop what XML cannot carry; cut what Twilio would refuse."""
    text = _NOT_XML.sub("", spoken.text).strip()[:SAY_MAX_CHARS]
    if text:
        response.say(text, language=TWIML_LANGUAGES.get(spoken.language, spoken.language))
