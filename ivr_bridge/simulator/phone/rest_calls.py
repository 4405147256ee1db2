"""REST of calls: make, list, show, change while they run.

Source: https://www.twilio.com/docs/voice/api/call-resource
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import web

from ivr_bridge.simulator.phone.network import NetworkCall
from ivr_bridge.simulator.phone.outbound_call import TIMEOUT_S, OutboundCall, OutboundOrder
from ivr_bridge.simulator.phone.recordings import Notice
from ivr_bridge.simulator.phone.rest_answers import RestError, call_object, not_found, page
from ivr_bridge.simulator.phone.rest_form import Form, fields_of
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument
from ivr_bridge.simulator.phone.webhooks import WebhookAnswer

if TYPE_CHECKING:
    from ivr_bridge.simulator.phone.network_rest import NetworkRest

MAX_TWIML_CHARS = 4000
DIAL_FIELDS = fields_of(
    "To From StatusCallback StatusCallbackMethod StatusCallbackEvent Timeout TimeLimit Record "
    "RecordingChannels RecordingTrack RecordingStatusCallback RecordingStatusCallbackMethod "
    "RecordingStatusCallbackEvent Trim MachineDetection MachineDetectionTimeout "
    "MachineDetectionSpeechThreshold MachineDetectionSpeechEndThreshold MachineDetectionSilenceTimeout "
    "CallReason CallerId"
)
"""What a call and a participant are made with."""
_CREATE = DIAL_FIELDS | fields_of(
    "Url Method Twiml FallbackUrl FallbackMethod SendDigits AsyncAmd AsyncAmdStatusCallback "
    "AsyncAmdStatusCallbackMethod"
)
_UPDATE = fields_of("Url Method Twiml Status")


class RestCalls:
    """The handlers."""

    def __init__(self, rest: NetworkRest) -> None:
        self._rest = rest
        self._network = rest.network

    def add_to(self, app: web.Application, base: str) -> None:
        """The routes."""
        app.router.add_post(f"{base}/Calls.json", self._create)
        app.router.add_get(f"{base}/Calls.json", self._list)
        app.router.add_get(f"{base}/Calls/{{sid}}.json", self._show)
        app.router.add_post(f"{base}/Calls/{{sid}}.json", self._update)

    def found(self, request: web.Request, name: str = "sid") -> NetworkCall:
        """The call of a path."""
        call = self._network.calls.get(request.match_info[name])
        if call is None:
            raise not_found(request.path)
        return call

    def show(self, call: NetworkCall, status: int = 200) -> web.Response:
        """A call as an answer."""
        ours = call.account.caller if call.account.direction.startswith("outbound") else call.account.called
        number_sid = self._rest.number_sids.get(ours)
        return web.json_response(call_object(call.account, number_sid), status=status)

    async def _create(self, request: web.Request) -> web.Response:
        """Dial out. Every such request makes one more call: the API knows no idempotency key."""
        form = await Form.read(request, _CREATE)
        order = order_of(form, self._rest)
        url, twiml, method = form.url("Url"), form.text("Twiml"), form.method("Method")
        _check_source(url, twiml)

        async def document(call: OutboundCall) -> TwimlDocument | None:
            if twiml:
                return await call.document(WebhookAnswer(call.line.known_base, 200, twiml.encode(), "text/xml"), "")
            answer = await call.webhooks.ask(url, call.params(), method=method)
            return await call.document(answer, "unreachable" if answer.is_unreachable else "webhook_failed")

        call = self._rest.dial(order, document)
        return self.show(call, 201)

    async def _list(self, request: web.Request) -> web.Response:
        """All calls, the newest first."""
        get = request.query.get
        calls = [
            call_object(call.account, None)
            for call in reversed(list(self._network.calls.values()))
            if get("Status", call.account.status) == call.account.status
            and get("To", call.account.called) == call.account.called
            and get("From", call.account.caller) == call.account.caller
            and get("ParentCallSid", call.account.parent_sid) == call.account.parent_sid
        ]
        return page(request, "calls", calls)

    async def _show(self, request: web.Request) -> web.Response:
        """One."""
        return self.show(self.found(request))

    async def _update(self, request: web.Request) -> web.Response:
        """Another document replaces what runs, or the call ends.

        Source: https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource
        """
        call = self.found(request)
        form = await Form.read(request, _UPDATE)
        if call.account.is_over:
            raise RestError(400, 21220, "Call is not in-progress. Cannot redirect.")
        if "Status" in form:
            status = form.one_of("Status", "completed", "canceled")
            if status == "canceled" and call.account.status not in ("queued", "ringing"):
                raise RestError(400, 21220, "Call is in-progress. Cannot cancel.")
            call.end()
        else:
            url, twiml = form.url("Url"), form.text("Twiml")
            _check_source(url, twiml)
            if twiml:
                call.go_on_with(twiml)
            else:
                call.go_on_at(url, form.method("Method"))
        return self.show(call)


def order_of(form: Form, rest: NetworkRest) -> OutboundOrder:
    """Who is dialled, and how."""
    is_async = form.one_of("AsyncAmd", "false", "true") == "true"
    amd = form.url("AsyncAmdStatusCallback") or form.url("AmdStatusCallback")
    method = form.method("AsyncAmdStatusCallbackMethod" if is_async else "AmdStatusCallbackMethod")
    return OutboundOrder(
        caller=form.caller(rest.numbers),
        called=form.called(),
        status=notice_in(form, "StatusCallback", "completed"),
        timeout_s=form.whole("Timeout", round(TIMEOUT_S), most=600),
        time_limit_s=form.whole("TimeLimit"),
        send_digits=form.keys("SendDigits"),
        machine_detection=form.one_of("MachineDetection", "", "Enable", "DetectMessageEnd"),
        amd_url=amd if is_async or "AmdStatusCallback" in form else "",
        amd_method=method,
        records=form.flag("Record"),
        recording_channels=2 if form.one_of("RecordingChannels", "mono", "dual") == "dual" else 1,
        recording_track=form.one_of("RecordingTrack", "both", "inbound", "outbound"),
        recording=notice_in(form, "RecordingStatusCallback", "completed"),
        fallback_url=form.url("FallbackUrl"),
    )


def notice_in(form: Form, name: str, default: str) -> Notice:
    """Whom a callback of this name goes to, and for what."""
    return Notice(form.url(name), form.method(f"{name}Method"), form.words(f"{name}Event", default))


def _check_source(url: str, twiml: str) -> None:
    """A document comes from a URL, or is given; not both, not neither."""
    if bool(url) == bool(twiml):
        raise RestError(400, 21205, "Either Url or Twiml is needed, and only one of them")
    if len(twiml) > MAX_TWIML_CHARS:
        raise RestError(400, 20001, f"Twiml must not be longer than {MAX_TWIML_CHARS} characters")
