"""Joining Twilio and an agent without a bridge: what a registered call is answered with. Pure.

The vendor answers TwiML that streams to itself. The sandbox has no such stream: it answers TwiML that any network can
follow and that a recording shows to be the agent's: its first message as `<Say>`, a farewell, `<Hangup>`.

Source: POST /v1/convai/twilio/register-call of the vendor's REST API
"""

from typing import Any
from xml.sax.saxutils import escape

from ivr_bridge.simulator.service.agents import Agent
from ivr_bridge.simulator.service.initiation import InitiationRefused, open_with
from ivr_bridge.simulator.service.phrasebook import LINES

_REQUIRED = ("agent_id", "from_number", "to_number")
_DIRECTIONS = ("inbound", "outbound")
_SAY_LANGUAGES = {"en": "en-US", "es": "es-ES", "zh": "cmn-CN"}


class BadRegistration(Exception):
    """The body does not validate: `field`, and `kind` in the vendor's word; the message says what is wrong."""

    def __init__(self, field: str, kind: str, text: str) -> None:
        super().__init__(text)
        self.field = field
        self.kind = kind


def check_registration(body: Any) -> dict[str, Any]:
    """The body of a request to register a call, if it is one.

    Raises:
        BadRegistration: a field is missing or of the wrong type.
    """
    if not isinstance(body, dict):
        raise BadRegistration("", "dict_type", "Input should be a valid dictionary")
    for name in _REQUIRED:
        if name not in body:
            raise BadRegistration(name, "missing", "Field required")
        if not isinstance(body[name], str):
            raise BadRegistration(name, "string_type", "Input should be a valid string")
    if body.get("direction", "inbound") not in _DIRECTIONS:
        raise BadRegistration("direction", "enum", "Input should be 'inbound' or 'outbound'")
    data = body.get("conversation_initiation_client_data")
    if data is not None and not isinstance(data, dict):
        raise BadRegistration("conversation_initiation_client_data", "dict_type", "Input should be an object")
    return body


def answer_registration(agent: Agent, body: dict[str, Any]) -> str:
    """The TwiML for a checked body.

    Raises:
        BadRegistration: what the conversation is to begin with is not allowed by the agent.
    """
    try:
        opening = open_with(agent, body.get("conversation_initiation_client_data") or {})
    except InitiationRefused as refused:
        raise BadRegistration("conversation_initiation_client_data", refused.error_type, str(refused)) from refused
    lines = LINES.get(opening.language, LINES["en"])
    language = _SAY_LANGUAGES.get(opening.language, "en-US")
    said = (text for text in (opening.first_message, lines.farewell) if text)
    says = "".join(f'<Say language="{language}">{escape(text)}</Say>' for text in said)
    return f'<?xml version="1.0" encoding="UTF-8"?><Response>{says}<Hangup/></Response>'
