"""Who is let in: every request is noted, has its fault, and shows its key before it is answered."""

from collections.abc import Awaitable, Callable

from aiohttp import web

from ivr_bridge.simulator.service.examples import Examples
from ivr_bridge.simulator.service.faults import FaultPlan
from ivr_bridge.simulator.service.keys import Keys
from ivr_bridge.simulator.service.refusals import Refusal, bad_key, dark
from ivr_bridge.simulator.service.request_log import RequestLog, RestCall, read_call
from ivr_bridge.simulator.service.rest_faults import RestFaults, misbehave

_PUBLIC = ("/v1/", "/v2/")
_SOCKETS = ("/v1/convai/conversation", "/v1/convai/stream")
_SPEECH_SOCKETS = ("/stream-input", "/multi-stream-input")
_SIGNED_URL = ("/v1/convai/conversation/get-signed-url", "/v1/convai/conversation/get_signed_url")
_LOOPBACK = ("127.0.0.1", "::1")
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_socket(path: str) -> bool:
    """Whether a path is that of a WebSocket, which has rules of its own."""
    return path in _SOCKETS or (path.startswith("/v1/text-to-speech/") and path.endswith(_SPEECH_SOCKETS))


class Door:
    """The middleware of the whole application: `check`."""

    def __init__(
        self, keys: Keys, plan: FaultPlan, faults: RestFaults, log: RequestLog, examples: Examples | None
    ) -> None:
        """`examples` answers operations that the sandbox does not do."""
        self._keys = keys
        self._plan = plan
        self._faults = faults
        self._log = log
        self._examples = examples

    @web.middleware
    async def check(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Note every request; let REST requests in by their key only; turn what is raised into answers."""
        if request.path.startswith("/sandbox/"):
            if request.remote not in _LOOPBACK:
                raise web.HTTPNotFound
            return await _answered(request, handler)
        self._log.note(request.method, request.path, list(request.query))
        if not request.path.startswith(_PUBLIC) or is_socket(request.path):
            return await _answered(request, handler)
        try:
            call = await read_call(request)
        except web.HTTPException as error:
            return web.json_response({"detail": error.reason}, status=error.status)
        self._log.note_call(call)
        return await self._rest(request, handler, call)

    async def _rest(self, request: web.Request, handler: _Handler, call: RestCall) -> web.StreamResponse:
        """A request of the REST API."""

        async def work(request: web.Request) -> web.StreamResponse:
            if not self._keys.accepts(request.headers.get("xi-api-key")):
                return bad_key().response()
            return await self._done(request, handler)

        if request.path not in _SIGNED_URL and self._plan.now() == "outage":
            return dark()
        fault = self._faults.take(request.method, request.path)
        response = await (work(request) if fault is None else misbehave(fault, request, work))
        call.status = None if fault is not None and fault.fault in ("timeout", "reset") else response.status
        return response

    async def _done(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """By its handler, else by an example."""
        if request.match_info.http_exception is None:
            return await _answered(request, handler)
        if self._examples is not None:
            return self._examples.answer(request.method, request.path)
        text = "The sandbox does not do this; given the vendor's OpenAPI file (--openapi) it shows an example."
        return Refusal(501, "not_implemented", "not_implemented", text).response()


async def _answered(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """What the handler answers, or the answer to what it raises."""
    try:
        return await handler(request)
    except Refusal as refused:
        return refused.response()
    except web.HTTPException as error:
        return web.json_response({"detail": error.reason}, status=error.status)
