"""What Twilio asks about calls that we have made, and about callers who want to be called back.

Each is signed like every other webhook. An id of a dial says nothing about a person.
"""

from typing import Protocol

from aiohttp import web

from ivr_bridge.twilio.call_desk import Answer, IncomingCall
from ivr_bridge.twilio.webhooks import Webhooks, incoming_call


class OutboundDesk(Protocol):
    """Who decides about calls that we make."""

    async def answered(self, dial_id: str, call: IncomingCall) -> Answer:
        """Somebody has answered: what do they hear?"""
        ...

    def status_changed(self, dial_id: str, call_sid: str, status: str) -> None:
        """A notice about the call: best effort, unordered, may repeat."""
        ...

    def machine_detected(self, dial_id: str, call_sid: str, answered_by: str) -> None:
        """Twilio knows who has answered: `human`, `machine_end_beep`, `fax`, `unknown` and others."""
        ...


class CallbackDesk(Protocol):
    """Who decides about callers who find every line taken."""

    async def keyed(self, call: IncomingCall, digits: str) -> Answer:
        """They have pressed keys."""
        ...


def add_routes(app: web.Application, webhooks: Webhooks, desk: OutboundDesk, callbacks: CallbackDesk) -> None:
    """Add `/twilio/outbound/{dial_id}`, its `status` and `machine`, and `/twilio/callback`.

    Args:
        app: gets the routes.
        webhooks: see that Twilio has signed.
        desk: decides about calls that we make.
        callbacks: decides about callers who are offered to be called back.

    Source: https://www.twilio.com/docs/voice/answering-machine-detection
    """

    async def answered(request: web.Request) -> web.Response:
        """Somebody has answered."""
        dial_id = request.match_info["dial_id"]
        return await webhooks.answer(request, lambda form: desk.answered(dial_id, incoming_call(request, form)))

    async def status(request: web.Request) -> web.Response:
        """A notice about the call; answered 204."""
        dial_id = request.match_info["dial_id"]
        return await webhooks.note(
            request, lambda form: desk.status_changed(dial_id, form["CallSid"], form.get("CallStatus", ""))
        )

    async def machine(request: web.Request) -> web.Response:
        """Who has answered; answered 204."""
        dial_id = request.match_info["dial_id"]
        return await webhooks.note(
            request, lambda form: desk.machine_detected(dial_id, form["CallSid"], form.get("AnsweredBy", "unknown"))
        )

    async def callback(request: web.Request) -> web.Response:
        """A caller who is offered to be called back has pressed keys."""
        return await webhooks.answer(
            request, lambda form: callbacks.keyed(incoming_call(request, form), form.get("Digits", ""))
        )

    app.router.add_post("/twilio/outbound/{dial_id}", answered)
    app.router.add_post("/twilio/outbound/{dial_id}/status", status)
    app.router.add_post("/twilio/outbound/{dial_id}/machine", machine)
    app.router.add_post("/twilio/callback", callback)
