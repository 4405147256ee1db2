"""The sandbox as a web application: who is let in, and the conversation socket."""

import asyncio
import hmac
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from typing import Any

from aiohttp import web

from ivr_bridge.errors import ConfigError
from ivr_bridge.simulator.service import dialogue
from ivr_bridge.simulator.service.agents import AGENTS
from ivr_bridge.simulator.service.connection import reset
from ivr_bridge.simulator.service.conversation import Conversation
from ivr_bridge.simulator.service.faults import Fault, FaultPlan, read_fault
from ivr_bridge.simulator.service.hearing import Hearing
from ivr_bridge.simulator.service.mouth import Mouth
from ivr_bridge.simulator.service.recogniser import Recogniser
from ivr_bridge.simulator.service.request_log import RequestLog
from ivr_bridge.simulator.service.rest import Rest, dark, refusal
from ivr_bridge.simulator.service.signing import Signer
from ivr_bridge.simulator.service.stage import Pace, Stage
from ivr_bridge.simulator.service.transcripts import GivenTranscripts
from ivr_bridge.simulator.service.wire_audio import CONVERSATION_FORMATS

_CONVERSATION = "/v1/convai/conversation"
_SIGNED_URL = ("/v1/convai/conversation/get-signed-url", "/v1/convai/conversation/get_signed_url")
_PUBLIC = ("/v1/", "/v2/")
_LARGEST_MESSAGE_BYTES = 16 * 2**20
_LOOPBACK = ("127.0.0.1", "::1")
REQUEST_LOG = web.AppKey("request_log", RequestLog)
"""Where a built application keeps what it saw."""
_Handler = Callable[[web.Request], Any]


def build_service(
    *,
    output_format: str = "ulaw_8000",
    input_format: str = "ulaw_8000",
    fault: str | None = None,
    fault_conversations: int | None = None,
    fault_after: int = 0,
    fault_at_s: float | None = None,
    hears: Iterable[str] | None = None,
    key: str | None = None,
    pace: Pace | None = None,
    prepare: bool = False,
) -> web.Application:
    """The sandbox, ready to be served by any aiohttp runner.

    Args:
        output_format: what the agents speak on a conversation socket, a vendor's name such as `pcm_16000`.
        input_format: what they expect to hear.
        fault: a name of faults.py, or None to behave.
        fault_conversations: how many conversations have the fault; None: all of them.
        fault_after: how many conversations are well before.
        fault_at_s: when a fault that ends conversations begins, instead of after the greeting.
        hears: transcripts that the caller's spoken turns get, in order, instead of being listened to.
        key: the only `xi-api-key` that is accepted; None accepts any.
        pace: the times of a conversation.
        prepare: learn all phrases when the application starts (some seconds of one core, in a thread) instead of at
            the first words of the first caller.

    Raises:
        ConfigError: unknown format or fault, or a fault that cannot begin so; the message lists what there is.
        MissingExtraError: the extra [sandbox] is not installed.
    """
    for name in (output_format, input_format):
        if name not in CONVERSATION_FORMATS:
            raise ConfigError(f"unknown audio format {name!r}; there are: {', '.join(CONVERSATION_FORMATS)}")
    plan = FaultPlan(Fault(fault, fault_conversations, fault_after, fault_at_s))
    mouth, signer, log = Mouth(), Signer(), RequestLog()
    hearing = Hearing(Recogniser(mouth))
    given = None if hears is None else GivenTranscripts(hears)
    stage = Stage(mouth, hearing, output_format, input_format, plan, pace or Pace(), given)
    door = _Door(key, signer, stage, log)
    app = web.Application(middlewares=[door.check], client_max_size=2**20)
    app[REQUEST_LOG] = log
    app.cleanup_ctx.append(partial(_ready_ears, hearing, prepare))
    app.add_routes(Rest(mouth, signer, output_format, input_format, plan).routes())
    app.add_routes(door.routes())
    app.on_shutdown.append(door.close)
    return app


async def _ready_ears(hearing: Hearing, prepare: bool, _app: web.Application) -> AsyncIterator[None]:
    """Ears for as long as the application runs; `prepare`: all phrases are learnt from the start on."""
    for state in ("desk", "people", "day", "time") if prepare else ():
        hearing.learn(dialogue.phrases(dialogue.DialogueState(state)))
    yield
    hearing.close()


async def run_service(
    port: int, *, host: str = "127.0.0.1", on_ready: Callable[[int], None] | None = None, **options: Any
) -> None:
    """Serve the sandbox until cancelled.

    Args:
        port: 0 takes a free one.
        host: address to listen on.
        on_ready: told the port once requests are accepted.
        options: as for `build_service`.

    Raises:
        OSError: the port is taken.
    """
    runner = web.AppRunner(build_service(prepare=True, **options), access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        if on_ready is not None:
            on_ready(int(runner.addresses[0][1]))
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


class _Door:
    """Who is let in, to what."""

    def __init__(self, key: str | None, signer: Signer, stage: Stage, log: RequestLog) -> None:
        self._key = key
        self._signer = signer
        self._stage = stage
        self._log = log
        self._open: set[web.WebSocketResponse] = set()

    def routes(self) -> list[web.RouteDef]:
        """What is not the vendor's REST API."""
        return [
            web.get(_CONVERSATION, self.converse),
            web.get("/sandbox/log", self.show_log),
            web.get("/sandbox/fault", self.show_fault),
            web.post("/sandbox/fault", self.change_fault),
        ]

    def _accepts(self, key: str | None) -> bool:
        """Whether an `xi-api-key` is good."""
        return key is not None and (self._key is None or hmac.compare_digest(key.encode(), self._key.encode()))

    @web.middleware
    async def check(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Note every request; let REST requests in by their key only."""
        if request.path.startswith("/sandbox/"):
            if request.remote not in _LOOPBACK:
                raise web.HTTPNotFound
        else:
            self._log.note(request.method, request.path, list(request.query))
        rest = request.path.startswith(_PUBLIC) and request.path != _CONVERSATION
        if rest and request.path not in _SIGNED_URL and self._stage.plan.now() == "outage":
            return dark()
        if rest and not self._accepts(request.headers.get("xi-api-key")):
            return refusal(401, "authentication_error", "invalid_api_key", "Invalid API key")
        try:
            response: web.StreamResponse = await handler(request)
        except web.HTTPException as error:
            return web.json_response({"detail": error.reason}, status=error.status)
        return response

    async def show_log(self, _request: web.Request) -> web.Response:
        """What was seen; sandbox only, and on this machine only."""
        return web.json_response(self._log.as_json())

    async def show_fault(self, _request: web.Request) -> web.Response:
        """The fault that is on, and how many conversations have begun since; on this machine only."""
        return web.json_response(self._stage.plan.as_json())

    async def change_fault(self, request: web.Request) -> web.Response:
        """Another fault, or none, for the conversations that begin from now on; on this machine only."""
        try:
            self._stage.plan.change(read_fault(await request.json()))
        except (ConfigError, ValueError) as error:
            return web.json_response({"detail": str(error)}, status=400)
        return web.json_response(self._stage.plan.as_json())

    async def converse(self, request: web.Request) -> web.StreamResponse:
        """The conversation socket: a signed URL, a public agent, or a key in the header."""
        plan = self._stage.plan
        fault = plan.of(plan.number_of(request.query.get("conversation_signature")))
        if fault == "hang":
            await asyncio.Event().wait()
        if fault == "outage":
            reset(request)
            return dark()
        conversation_id = f"conv_{secrets.token_hex(12)}"
        agent_id = request.query.get("agent_id", "")
        signature = request.query.get("conversation_signature")
        signed = self._signer.check(signature, time.time()) if signature is not None else None
        if signature is not None:
            if signed is None or (agent_id and agent_id != signed[0]):
                return refusal(403, "authorization_error", "invalid_signature", "The signature is not valid.")
            agent_id, conversation_id = signed[0], signed[1] or conversation_id
        header = request.headers.get("xi-api-key")
        if header is not None and not self._accepts(header):
            return refusal(401, "authentication_error", "invalid_api_key", "Invalid API key")
        agent = None if fault == "no_agent" else AGENTS.get(agent_id)
        if agent is None:
            return refusal(404, "not_found", "agent_not_found", "There is no such agent.")
        if agent.private and signed is None and header is None:
            return refusal(403, "authorization_error", "unauthorized", "This agent needs a signed URL.")
        polite = fault != "half_open"
        socket = web.WebSocketResponse(
            protocols=("convai",),
            max_msg_size=_LARGEST_MESSAGE_BYTES,
            timeout=2.0,
            autoping=polite,
            autoclose=polite,
        )
        await socket.prepare(request)
        self._open.add(socket)
        try:
            log = self._log.begin(conversation_id, agent_id)
            await Conversation(socket, request, agent, self._stage, fault=fault, log=log).run()
        finally:
            self._open.discard(socket)
        return socket

    async def close(self, _app: web.Application) -> None:
        """End the conversations that are left, when the sandbox stops."""
        for socket in list(self._open):
            await socket.close(code=1001, message=b"sandbox stops")
