"""The vendor's own way from Twilio to the agent: it answers with the TwiML that leads the call there.

From then on the audio passes between Twilio and the vendor. None of it reaches us: no client tool, no transcript, no
way back into the flow. The agent must hear and speak `ulaw_8000`.

Source: https://elevenlabs.io/docs/api-reference/twilio/register-call
"""

from collections.abc import Mapping
from typing import Literal
from xml.etree import ElementTree

from ivr_bridge.elevenlabs.rest.request import Repeat, Request
from ivr_bridge.elevenlabs.rest.transport import Transport
from ivr_bridge.errors import VendorFailed

PATH = "/v1/convai/twilio/register-call"


async def register_call(
    transport: Transport,
    *,
    agent_id: str,
    caller: str,
    called: str,
    direction: Literal["inbound", "outbound"] = "inbound",
    dynamic_variables: Mapping[str, object] | None = None,
    first_message: str | None = None,
    timeout_s: float = 3.0,
) -> str:
    """TwiML that hands the call over; give it to Twilio as it is, as `text/xml`.

    Never tried again by itself: each one announces a call.

    Args:
        transport: with the key of the agent's owner.
        agent_id: who answers.
        caller: the number that calls, `From` of the webhook.
        called: the number called, `To`.
        direction: of the call.
        dynamic_variables: every `{{name}}` that the agent uses, or it refuses the call.
        first_message: overrides what the agent says first; the agent must allow it.
        timeout_s: a caller is waiting.

    Raises:
        VendorError: no answer or an error; `VendorFailed` too when the answer is no TwiML.
    """
    body: dict[str, object] = {
        "agent_id": agent_id,
        "from_number": caller,
        "to_number": called,
        "direction": direction,
    }
    initiation: dict[str, object] = {}
    if dynamic_variables:
        initiation["dynamic_variables"] = dict(dynamic_variables)
    if first_message is not None:
        initiation["conversation_config_override"] = {"agent": {"first_message": first_message}}
    if initiation:
        body["conversation_initiation_client_data"] = initiation
    request = Request("POST", PATH, json=body, repeat=Repeat.NEVER, timeout_s=timeout_s)
    twiml = await transport.text(request)
    _check(twiml)
    return twiml


def _check(twiml: str) -> None:
    """Raise what Twilio would only say to the caller: an application error."""
    if "<!DOCTYPE" in twiml.upper():
        raise VendorFailed(f"POST {PATH}: the answer is a page and no TwiML", status=200)
    try:
        root = ElementTree.fromstring(twiml)  # noqa: S314  # without a DOCTYPE there are no entities to expand
    except (ElementTree.ParseError, ValueError) as error:
        raise VendorFailed(f"POST {PATH}: the answer is no XML: {error}", status=200) from error
    if root.tag != "Response":
        raise VendorFailed(f"POST {PATH}: the answer is <{root.tag[:40]}> and no TwiML", status=200)
    if not len(root):
        raise VendorFailed(f"POST {PATH}: the answer leads the call nowhere", status=200)
