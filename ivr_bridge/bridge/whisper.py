# ruff: noqa: RUF001 - what is said in Chinese has Chinese signs
"""What a person hears who is asked to take a call.                                                             pure"""

from ivr_bridge.flows.model import Language
from ivr_bridge.twilio.call_desk import Spoken

ACCEPT_KEY = "1"
WORDS_MAX_CHARS = 600
"""Of what the caller said: the person has the phone at their ear, and the caller waits."""

_CALL: dict[Language, str] = {
    "en": "A call from {flow}.",
    "es": "Una llamada de {flow}.",
    "zh": "{flow} 转来一个电话。",
}
_REASON: dict[Language, str] = {"en": "It is about: {words}.", "es": "Se trata de: {words}.", "zh": "事由：{words}。"}
_SAID: dict[Language, str] = {
    "en": "The caller said: {words}.",
    "es": "La persona dijo: {words}.",
    "zh": "来电者说：{words}。",
}
_ACCEPT: dict[Language, str] = {
    "en": "To take the call, press 1.",
    "es": "Para atender la llamada, pulse 1.",
    "zh": "接听请按 1。",
}
_GONE: dict[Language, str] = {
    "en": "The caller is not on the line any more. Goodbye.",
    "es": "La persona ya no está en la línea. Adiós.",
    "zh": "来电者已经不在线上，再见。",
}


def summary(language: Language, *, flow: str, reason: str, unanswered: str) -> str:
    """What is said where the flow has no `whisper` of its own.

    Args:
        language: of the person.
        flow: the name of the one that the caller is in.
        reason: why the agent wanted the transfer; may be empty.
        unanswered: what the caller said last, and nobody has answered; may be empty.
    """
    parts = [_CALL[language].format(flow=flow.replace("_", " "))]
    if reason:
        parts.append(_REASON[language].format(words=_short(reason)))
    if unanswered:
        parts.append(_SAID[language].format(words=_short(unanswered)))
    return " ".join(parts)


def asked(summary: str, language: Language) -> Spoken:
    """The summary, and the key that takes the call."""
    return Spoken(f"{summary} {_ACCEPT[language]}".strip(), language)


def gone(language: Language) -> Spoken:
    """For somebody who takes a call that is over."""
    return Spoken(_GONE[language], language)


def _short(words: str) -> str:
    cut = " ".join(words.split())[:WORDS_MAX_CHARS]
    return cut.rstrip(".。!?！？ ")
