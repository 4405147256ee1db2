"""Twilio's webhooks: read, verify, parse, ask the desk, answer with TwiML.

An unsigned request is refused before anything of it is believed. Whatever the desk does, a caller gets words, never
silence. Source: https://www.twilio.com/docs/voice/twiml#request-parameters
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from urllib.parse import parse_qsl

from aiohttp import web

from ivr_bridge.settings import Settings
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio import twiml
from ivr_bridge.twilio.answer_text import (
    ACCEPT_SUFFIX,
    STREAM_ENDED_PATH,
    STREAM_STATUS_PATH,
    TRANSFER_STATUS_PATH,
    VOICEMAIL_PATH,
    WHISPER_PATH,
    answer_text,
)
from ivr_bridge.twilio.call_desk import Answer, CallDesk, IncomingCall, Recording
from ivr_bridge.twilio.signature import signed_by_twilio
from ivr_bridge.twilio.stream_door import MEDIA_PATH, SIGNATURE_HEADER, StreamDoor
from ivr_bridge.twilio.twiml import Spoken

MAX_BODY_BYTES = 64 * 1024
BODY_TIMEOUT_S = 5.0
"""Twilio sends a form at once."""

FORM_TYPE = "application/x-www-form-urlencoded"
IDEMPOTENCY_HEADER = "I-Twilio-Idempotency-Token"
MAX_NAMES_LOGGED = 40
OUTBOUND = "outbound-api"
"""Twilio's `Direction` of a call that we have made."""

APOLOGY = Spoken("We are sorry, something went wrong on our side. Please call again in a few minutes.", "en")
"""What a caller hears when our own code failed."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,59}")

Form = dict[str, str]


class Webhooks:
    """The handlers of `/twilio/*` but for the media socket.

    Args:
        settings: whose account may call.
        auth_tokens: those that a signature may be made with, now.
        base_url: `https://HOST` or `http://HOST:PORT`, as Twilio reaches us, now.
        desk: decides.
        log: gets `webhook.refused` and `request.failed`; what the desk decides it logs itself.
        apology: heard when the desk fails, in the operator's language.
        body_timeout_s: how long a request's body may take.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        auth_tokens: Callable[[], Sequence[str]],
        base_url: Callable[[], str],
        desk: CallDesk,
        log: Log,
        apology: Spoken = APOLOGY,
        body_timeout_s: float = BODY_TIMEOUT_S,
    ) -> None:
        self._settings = settings
        self._auth_tokens = auth_tokens
        self._base_url = base_url
        self._desk = desk
        self._log = log
        self._apology = apology
        self._body_timeout_s = body_timeout_s

    async def voice(self, request: web.Request) -> web.Response:
        """A call came in."""
        return await self.answer(request, lambda form: self._desk.answer_voice(incoming_call(request, form)))

    async def stream_ended(self, request: web.Request) -> web.Response:
        """The stream of a call, or a `<Dial>`, has ended: what follows?"""
        return await self.answer(request, lambda form: self._desk.stream_ended(incoming_call(request, form)))

    async def voicemail(self, request: web.Request) -> web.Response:
        """A message was recorded."""
        return await self.answer(
            request, lambda form: self._desk.voicemail_taken(incoming_call(request, form), _recording(form))
        )

    async def fallback(self, request: web.Request) -> web.Response:
        """Twilio could not use one of our answers."""
        return await self.answer(
            request,
            lambda form: self._desk.fallback(
                incoming_call(request, form), form.get("ErrorCode", ""), form.get("ErrorUrl", "")
            ),
        )

    async def status(self, request: web.Request) -> web.Response:
        """A notice about a call; answered 204."""
        return await self.note(
            request,
            lambda form: self._desk.status_changed(
                form["CallSid"], form.get("CallStatus", ""), _seconds(form.get("CallDuration"))
            ),
        )

    async def stream_status(self, request: web.Request) -> web.Response:
        """A notice about a stream; answered 204."""
        return await self.note(
            request,
            lambda form: self._desk.stream_status_changed(
                form["CallSid"], form.get("StreamSid", ""), form.get("StreamEvent", ""), form.get("StreamError", "")
            ),
        )

    async def whisper(self, request: web.Request) -> web.Response:
        """A person has answered a warm transfer: what do they hear?"""
        token = request.match_info["token"]
        return await self.answer(request, lambda form: self._desk.whisper(incoming_call(request, form), token))

    async def whisper_answered(self, request: web.Request) -> web.Response:
        """That person has pressed a key, or none."""
        token = request.match_info["token"]
        return await self.answer(
            request,
            lambda form: self._desk.whisper_answered(incoming_call(request, form), token, form.get("Digits", "")),
        )

    async def transfer_status(self, request: web.Request) -> web.Response:
        """A notice about the call to that person; answered 204."""
        token = request.match_info["token"]
        return await self.note(
            request,
            lambda form: self._desk.transfer_status_changed(token, form["CallSid"], form.get("CallStatus", "")),
        )

    async def answer(self, request: web.Request, ask: Callable[[Form], Awaitable[Answer]]) -> web.Response:
        """Whatever `ask` answers to a signed form, as TwiML; the refusal where it is not signed."""
        form = await self._verified_form(request)
        if isinstance(form, web.Response):
            return form
        try:
            text = answer_text(await ask(form), self._base_url())
        except Exception as error:  # noqa: BLE001 - a task border: logged, and the caller hears words
            self._failed(request, form, error)
            text = twiml.say_and_hang_up(self._apology)
        return web.Response(text=text, content_type="text/xml")

    async def note(self, request: web.Request, tell: Callable[[Form], None]) -> web.Response:
        """204 once a signed form was told; the refusal where it is not signed."""
        form = await self._verified_form(request)
        if isinstance(form, web.Response):
            return form
        try:
            tell(form)
        except Exception as error:  # noqa: BLE001 - a task border: logged; Twilio would only repeat the notice
            self._failed(request, form, error)
        return web.Response(status=204)

    async def _verified_form(self, request: web.Request) -> Form | web.Response:
        """The form of a request that Twilio signed, or the refusal: 400, 403, 408, 413."""
        try:
            async with asyncio.timeout(self._body_timeout_s):
                body = await _read_body(request)
        except TimeoutError:
            return self._refused(request, 408, "slow_body", [])
        except (web.RequestPayloadError, ConnectionError):
            return self._refused(request, 400, "broken_body", [])
        if body is None:
            return self._refused(request, 413, "huge_body", [])
        pairs = _pairs(body) if request.content_type == FORM_TYPE else None
        genuine = signed_by_twilio(
            signature=request.headers.get(SIGNATURE_HEADER),
            url=self._base_url() + request.raw_path,
            form=pairs,
            tokens=self._auth_tokens(),
            body=body,
        )
        names = sorted({name for name, _ in pairs or ()})
        if not genuine:
            return self._refused(request, 403, "unsigned", names)
        form = {name: _readable(value) for name, value in reversed(pairs or [])}
        if self._settings.twilio_account_sid not in (None, form.get("AccountSid")):
            return self._refused(request, 403, "other_account", names)
        if not form.get("CallSid"):
            return self._refused(request, 400, "no_call_sid", names)
        return form

    def _refused(self, request: web.Request, status: int, reason: str, names: list[str]) -> web.Response:
        """Names only: what was posted may be a person's number, and may be anybody's invention."""
        shown = [name if _NAME.fullmatch(name) else "?" for name in names[:MAX_NAMES_LOGGED]]
        self._log.emit(events.WEBHOOK_REFUSED, path=request.path, reason=reason, parameter_names=shown)
        return web.Response(status=status, text=reason)

    def _failed(self, request: web.Request, form: Form, error: Exception) -> None:
        self._log.bind(call_sid=form["CallSid"]).emit(events.REQUEST_FAILED, path=request.path, error=repr(error))


def add_routes(
    app: web.Application,
    *,
    settings: Settings,
    auth_tokens: Callable[[], Sequence[str]],
    base_url: Callable[[], str],
    desk: CallDesk,
    log: Log,
    apology: Spoken = APOLOGY,
) -> Webhooks:
    """Put everything that Twilio calls under `/twilio/` of `app`.

    Args:
        app: gets the POST routes and the media socket's.
        settings: `twilio_account_sid`, when set, keeps other accounts out.
        auth_tokens: asked at each request, so that a token can be rotated; never empty.
        base_url: asked at each request: `PUBLIC_BASE_URL`, or `http://HOST:PORT` once the port is bound.
        desk: decides about calls and holds them.
        log: the server's.
        apology: heard when the desk fails.

    Returns:
        The handlers, for routes beside these.
    """
    webhooks = Webhooks(
        settings=settings, auth_tokens=auth_tokens, base_url=base_url, desk=desk, log=log, apology=apology
    )
    door = StreamDoor(
        auth_tokens=auth_tokens, base_url=base_url, account_sid=settings.twilio_account_sid, desk=desk, log=log
    )
    app.router.add_post("/twilio/voice", webhooks.voice)
    app.router.add_post(STREAM_ENDED_PATH, webhooks.stream_ended)
    app.router.add_post(VOICEMAIL_PATH, webhooks.voicemail)
    app.router.add_post("/twilio/fallback", webhooks.fallback)
    app.router.add_post("/twilio/status", webhooks.status)
    app.router.add_post(STREAM_STATUS_PATH, webhooks.stream_status)
    app.router.add_post(f"{WHISPER_PATH}/{{token}}", webhooks.whisper)
    app.router.add_post(f"{WHISPER_PATH}/{{token}}{ACCEPT_SUFFIX}", webhooks.whisper_answered)
    app.router.add_post(f"{TRANSFER_STATUS_PATH}/{{token}}", webhooks.transfer_status)
    app.router.add_get(MEDIA_PATH, door.handle, allow_head=False)
    app.router.add_get(MEDIA_PATH + "/{worker}", door.handle, allow_head=False)
    return webhooks


def incoming_call(request: web.Request, form: Form) -> IncomingCall:
    """A call as a form describes it. `caller` is the person outside, also where it is we who have called."""
    caller, called = form.get("From", ""), form.get("To", "")
    if form.get("Direction") == OUTBOUND:
        caller, called = called, caller
    return IncomingCall(
        call_sid=form["CallSid"],
        account_sid=form.get("AccountSid", ""),
        caller=caller,
        called=called,
        direction=form.get("Direction", ""),
        status=form.get("CallStatus", ""),
        idempotency_token=request.headers.get(IDEMPOTENCY_HEADER, ""),
        dial_status=form.get("DialCallStatus", ""),
        dial_duration_s=_seconds(form.get("DialCallDuration")),
        dial_bridged=form.get("DialBridged", "").lower() != "false",
    )


def _recording(form: Form) -> Recording:
    duration_s = _seconds(form.get("RecordingDuration"))
    return Recording(form.get("RecordingSid", ""), form.get("RecordingUrl", ""), duration_s)


async def _read_body(request: web.Request) -> bytes | None:
    """All of it, or None when it is more than Twilio would ever send."""
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MAX_BODY_BYTES:
            return None
    return bytes(body)


def _pairs(body: bytes) -> list[tuple[str, str]]:
    """Names and values in the order they came; bytes that are no UTF-8 survive, since they are signed as they are."""
    text = body.decode("utf-8", "surrogateescape")
    return parse_qsl(text, keep_blank_values=True, errors="surrogateescape")


def _readable(value: str) -> str:
    return value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _seconds(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() and len(text) < 10 else None
