"""The vendor's webhooks: what a conversation was, and who is calling a number that the vendor answers itself.

Nothing of a request is believed before its proof: the HMAC of the whole body, or the secret that we gave the agent.
Without a secret of ours a path is not there. Whatever was signed is on the disk before it is answered, and worked on
afterwards; what cannot be written is answered 503, so that the vendor sends it again.

Source: https://elevenlabs.io/docs/agents-platform/workflows/post-call-webhooks,
https://elevenlabs.io/docs/agents-platform/customization/personalization/twilio-personalization
"""

import asyncio
import hmac
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import orjson
from aiohttp import ClientPayloadError, web

from ivr_bridge.elevenlabs.webhooks.body import MAX_BODY_BYTES, BodyTooLarge, receive_body
from ivr_bridge.elevenlabs.webhooks.conversation_files import ConversationFiles, Outcome, ToldConversation
from ivr_bridge.elevenlabs.webhooks.signature import BodyVerifier, read_claim
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

WEBHOOK_PATH, INIT_PATH = "/elevenlabs/webhook", "/elevenlabs/conversation-init"
SIGNATURE_HEADER = "ElevenLabs-Signature"
SECRET_HEADER = "X-Ivr-Bridge-Secret"  # noqa: S105 - a header's name
"""To be set in the agent's settings beside the URL of `INIT_PATH`."""

BODIES_AT_ONCE = 32
"""More are sent away: whoever sends them has not shown yet who he is."""
IN_MEMORY_BYTES = 1024 * 1024
"""Of one body; what is more goes to the disk while it comes."""
MAX_INIT_BYTES = 16 * 1024
INIT_TIMEOUT_S = 5.0


class ConversationSink(Protocol):
    """Who takes what the vendor told of conversations."""

    async def take(self, conversation: ToldConversation) -> None:
        """Take one; when this returns it is done with.

        It may be given once more (the process can end in between; `path.name` is the same), and is given again, later,
        when this raises. The files stay where they are.
        """
        ...


@dataclass(frozen=True, slots=True)
class RingingCall:
    """A call to a number that the vendor answers itself; what it left out is an empty string."""

    caller: str = field(repr=False)
    called: str = field(repr=False)
    call_sid: str
    agent_id: str


@dataclass(frozen=True, slots=True)
class Introduction:
    """What the agent is told of a caller."""

    dynamic_variables: Mapping[str, str] = field(repr=False)
    """All that the agent needs: one that is missing ends the conversation."""
    overrides: Mapping[str, Any]
    flow: str
    """Of the called number, for the log."""


class CallerData(Protocol):
    """Who knows the callers."""

    def introduce(self, call: RingingCall) -> Introduction:
        """At once: the phone is ringing. It asks nobody and reads no file."""
        ...


class Webhooks:
    """The handlers of `/elevenlabs/*`.

    Args:
        secrets: that a webhook may be signed with; none: it is not there.
        init_secret: that a question for a caller's data must show; None: it is not there.
        files: where what comes is kept.
        came: called when there is work.
        callers: who knows them.
        log: of the server.
        clock: Unix time in seconds.
    """

    def __init__(
        self,
        *,
        secrets: Sequence[str],
        init_secret: str | None,
        files: ConversationFiles,
        came: Callable[[], None],
        callers: CallerData,
        log: Log,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secrets = secrets
        self._init_secret = init_secret
        self._files = files
        self._came = came
        self._callers = callers
        self._log = log
        self._clock = clock
        self._receiving = 0

    async def webhook(self, request: web.Request) -> web.Response:
        """A conversation is over, its audio is there, or a call did not come about."""
        if not self._secrets:
            raise web.HTTPNotFound
        claim = read_claim(request.headers.get(SIGNATURE_HEADER))
        now = self._clock()
        if claim is None:
            return self._refused(request, 401, "unsigned")
        if claim.too_old(now):
            return self._refused(request, 401, "too_old")
        if claim.too_far_ahead(now):
            return self._refused(request, 401, "too_far_ahead")
        if (request.content_length or 0) > MAX_BODY_BYTES:
            return self._refused(request, 413, "huge_body")
        if self._receiving >= BODIES_AT_ONCE:
            return self._refused(request, 503, "too_many_at_once")
        self._receiving += 1
        try:
            return await self._receive(request, BodyVerifier(claim, self._secrets))
        except Exception as error:  # noqa: BLE001 - the border of a request: logged, and the vendor sends it again
            return self._failed(request, error)
        finally:
            self._receiving -= 1

    async def _receive(self, request: web.Request, verifier: BodyVerifier) -> web.Response:
        begun_at = asyncio.get_running_loop().time()
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES, dir=str(self._files.folder)) as body:
            try:
                if not self._files.folder.is_dir():
                    await self._files.prepare()
                await receive_body(request.content, body, verifier)
            except BodyTooLarge:
                return self._refused(request, 413, "huge_body")
            except TimeoutError:
                return self._refused(request, 408, "slow_body")
            except (ClientPayloadError, web.RequestPayloadError, ConnectionError):
                return self._refused(request, 400, "broken_body")
            except OSError as error:
                return self._unkept(error)
            if not verifier.genuine():
                return self._refused(request, 401, "wrong_signature")
            size = body.tell()
            try:
                kept = await self._files.keep(body)
            except OSError as error:
                return self._unkept(error)
        if kept.outcome is Outcome.UNREADABLE:
            self._log.emit(events.CONVERSATION_UNREADABLE, file=kept.name, bytes=size)
        else:
            ms = (asyncio.get_running_loop().time() - begun_at) * 1000
            outcome = kept.outcome.name.lower()
            self._log.emit(events.CONVERSATION_KEPT, file=kept.name, outcome=outcome, bytes=size, ms=ms)
            self._came()
        return web.Response(text="kept")

    async def conversation_init(self, request: web.Request) -> web.Response:
        """The vendor answers a call itself and asks what the agent shall be told of the caller."""
        if not self._init_secret:
            raise web.HTTPNotFound
        shown = request.headers.get(SECRET_HEADER, "").encode("utf-8", "surrogateescape")
        if not hmac.compare_digest(shown, self._init_secret.encode()):
            return self._refused(request, 401, "wrong_secret")
        try:
            async with asyncio.timeout(INIT_TIMEOUT_S):
                body = await _short_body(request)
        except TimeoutError:
            return self._refused(request, 408, "slow_body")
        except (ClientPayloadError, web.RequestPayloadError, ConnectionError):
            return self._refused(request, 400, "broken_body")
        if body is None:
            return self._refused(request, 413, "huge_body")
        call = _ringing_call(body)
        if call is None:
            return self._refused(request, 400, "no_json_object")
        return self._introduced(request, call)

    def _introduced(self, request: web.Request, call: RingingCall) -> web.Response:
        try:
            told = self._callers.introduce(call)
            answer = orjson.dumps(
                {
                    "type": "conversation_initiation_client_data",
                    "dynamic_variables": dict(told.dynamic_variables),
                    "conversation_config_override": dict(told.overrides),
                }
            )
        except Exception as error:  # noqa: BLE001 - the border of a request: logged, and answered
            return self._failed(request, error)
        self._log.emit(
            events.CALLER_INTRODUCED,
            vendor_call_sid=call.call_sid,
            agent_id=call.agent_id,
            flow=told.flow,
            variables=sorted(told.dynamic_variables),
            pii={"caller": call.caller, "called": call.called},
        )
        return web.Response(body=answer, content_type="application/json")

    def _refused(self, request: web.Request, status: int, reason: str) -> web.Response:
        self._log.emit(events.WEBHOOK_REFUSED, path=request.path, reason=reason, parameter_names=[])
        return web.Response(status=status, text=reason, headers={"Retry-After": "5"} if status == 503 else None)

    def _failed(self, request: web.Request, error: Exception) -> web.Response:
        self._log.emit(events.REQUEST_FAILED, path=request.path, error=repr(error))
        return web.Response(status=500, text="a mistake of this server; its log says more")

    def _unkept(self, error: OSError) -> web.Response:
        self._log.emit(events.CONVERSATION_UNKEPT, error=str(error))
        return web.Response(status=503, text="not_kept", headers={"Retry-After": "60"})


def add_routes(
    app: web.Application,
    *,
    secrets: Sequence[str],
    init_secret: str | None,
    files: ConversationFiles,
    came: Callable[[], None],
    callers: CallerData,
    log: Log,
) -> None:
    """Put both webhooks under `/elevenlabs/` of `app`; the arguments are those of `Webhooks`."""
    webhooks = Webhooks(secrets=secrets, init_secret=init_secret, files=files, came=came, callers=callers, log=log)
    app.router.add_post(WEBHOOK_PATH, webhooks.webhook)
    app.router.add_post(INIT_PATH, webhooks.conversation_init)


async def _short_body(request: web.Request) -> bytes | None:
    """All of it, or None when it is more than a question has."""
    body = bytearray()
    async for piece in request.content.iter_any():
        body += piece
        if len(body) > MAX_INIT_BYTES:
            return None
    return bytes(body)


def _ringing_call(body: bytes) -> RingingCall | None:
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(asked, dict):
        return None

    def text(name: str) -> str:
        value = asked.get(name)
        return value if isinstance(value, str) else ""

    return RingingCall(text("caller_id"), text("called_number"), text("call_sid"), text("agent_id"))
