"""The network's REST over HTTP: one account, its calls, conferences, recordings and numbers, with their state.

```python
async with Network(line) as network, NetworkRest(network) as rest:
    settings = {"twilio_api_base_url": rest.url, ...}
```
"""

from __future__ import annotations

import asyncio
import base64
import hmac
import secrets
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from aiohttp import web

from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.outbound_call import OutboundCall, OutboundOrder
from ivr_bridge.simulator.phone.rest_answers import API, RestError, not_found, page
from ivr_bridge.simulator.phone.rest_calls import RestCalls
from ivr_bridge.simulator.phone.rest_conferences import RestConferences
from ivr_bridge.simulator.phone.rest_faults import RestFault
from ivr_bridge.simulator.phone.rest_recordings import RestRecordings
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument

if TYPE_CHECKING:
    from types import TracebackType

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
DocumentFor = Callable[[OutboundCall], Awaitable[TwimlDocument | None]]


@dataclass(frozen=True, slots=True)
class RestRequest:
    """One request that was let in: method, path with its query, form, and the status of its answer (0: none)."""

    method: str
    path: str
    form: tuple[tuple[str, str], ...]
    status: int


class NetworkRest:
    """The REST API on a free port of the loopback; use it as a context.

    Args:
        network: whose. Its account is the line's, and the line's token or an API key lets in.
        numbers: that the account owns; with any, only these may call.
        api_keys: SID -> secret.
        creates_per_s: more new calls than that are answered 429 (20429); None: as many as wanted.
    """

    def __init__(
        self,
        network: Network,
        *,
        numbers: Sequence[str] = (),
        api_keys: dict[str, str] | None = None,
        creates_per_s: float | None = None,
    ) -> None:
        self.network = network
        self.numbers = tuple(numbers)
        network.numbers = frozenset(numbers)
        self.number_sids = {number: "PN" + secrets.token_hex(16) for number in numbers}
        self.url = ""
        self.requests: list[RestRequest] = []
        self.created: list[OutboundCall] = []
        """Every call that was made, also those whose answer never arrived."""
        self.calls = RestCalls(self)
        self._creates_per_s = creates_per_s
        self._last_create_at = float("-inf")
        self._logins = {network.line.account_sid: network.line.signing_token, **(api_keys or {})}
        self._faults: list[RestFault] = []
        self._runner: web.AppRunner | None = None

    def fail(self, fault: RestFault) -> None:
        """From now on this goes wrong; see `REST_FAULTS`."""
        self._faults.append(fault)

    def dial(self, order: OutboundOrder, document: DocumentFor) -> OutboundCall:
        """Make a call; it goes on by itself.

        Raises:
            RestError: too many at once (20429).
        """
        now = time.monotonic()
        if self._creates_per_s and now - self._last_create_at < 1 / self._creates_per_s:
            raise RestError(429, 20429, "Too many requests")
        self._last_create_at = now
        call = OutboundCall(self.network, order, self.network.callees.take(order.called), document)
        self.created.append(call)
        self.network.start(call.run())
        return call

    async def __aenter__(self) -> NetworkRest:
        """Listen."""
        app = web.Application(middlewares=[self._door])
        base = f"{API}/Accounts/{self.network.line.account_sid}"
        app.router.add_get(f"{base}.json", self._account)
        app.router.add_get(f"{base}/IncomingPhoneNumbers.json", self._list_numbers)
        for part in (self.calls, RestConferences(self), RestRecordings(self)):
            part.add_to(app, base)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        self.network.recordings.base_url = self.url
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Listen no more; calls go on until the network is closed."""
        if self._runner:
            await self._runner.cleanup()

    @web.middleware
    async def _door(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Who asks, what goes wrong on purpose, and what was answered."""
        form = tuple((name, str(value)) for name, value in (await request.post()).items())
        fault = next((each for each in self._faults if each.fits(request.method, request.path)), None)
        name = fault.name if fault else ""
        status = 0
        try:
            if name == "reset_before":
                return _reset(request)
            response = await self._answer(request, handler, name)
            if name == "reset_after":
                return _reset(request)
            if fault and name == "late":
                await asyncio.sleep(fault.after_s)
            status = response.status
            return response
        finally:
            self.requests.append(RestRequest(request.method, request.path_qs, form, status))

    async def _answer(self, request: web.Request, handler: Handler, fault: str) -> web.StreamResponse:
        """The answer, with the faults that are answers."""
        try:
            if fault == "busy":
                raise RestError(429, 20429, "Too many requests")
            if fault == "error_before":
                raise RestError(503, 20503, "Service unavailable")
            if not self._knows(request.headers.get("Authorization", "")):
                raise RestError(401, 20003, "Authenticate")
            response = await handler(request)
            if fault == "error_after":
                raise RestError(500, 20500, "An internal server error has occurred")
        except RestError as error:
            return error.response()
        except web.HTTPNotFound:
            return not_found(request.path).response()
        except web.HTTPMethodNotAllowed:
            return RestError(405, 20004, "Method not allowed").response()
        return response

    def _knows(self, authorization: str) -> bool:
        """Whether this is one of the logins."""
        pairs = (f"Basic {base64.b64encode(f'{sid}:{word}'.encode()).decode()}" for sid, word in self._logins.items())
        return any(hmac.compare_digest(pair.encode(), authorization.encode()) for pair in pairs)

    async def _account(self, _: web.Request) -> web.Response:
        """The account."""
        sid = self.network.line.account_sid
        uri = f"{API}/Accounts/{sid}"
        body = {
            "sid": sid,
            "friendly_name": "The simulator's account",
            "status": "active",
            "type": "Full",
            "owner_account_sid": sid,
            "uri": f"{uri}.json",
            "subresource_uris": {"calls": f"{uri}/Calls.json", "recordings": f"{uri}/Recordings.json"},
        }
        return web.json_response(body)

    async def _list_numbers(self, request: web.Request) -> web.Response:
        """The account's numbers, each pointing at the line's server."""
        wanted = request.query.get("PhoneNumber", "")
        return page(request, "incoming_phone_numbers", [self._number(each) for each in self.numbers if wanted in each])

    def _number(self, number: str) -> dict[str, object]:
        """One number.

        Source: https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
        """
        line, sid = self.network.line, self.number_sids[number]
        return {
            "account_sid": line.account_sid,
            "address_requirements": "none",
            "api_version": "2010-04-01",
            "beta": False,
            "capabilities": {"voice": True, "sms": False, "mms": False, "fax": False},
            "friendly_name": number,
            "origin": "twilio",
            "phone_number": number,
            "sid": sid,
            "status": "in-use",
            "status_callback": line.known_url(line.status_path),
            "status_callback_method": "POST",
            "uri": f"{API}/Accounts/{line.account_sid}/IncomingPhoneNumbers/{sid}.json",
            "voice_fallback_method": "POST",
            "voice_fallback_url": line.known_url(line.fallback_path) if line.fallback_path else "",
            "voice_method": "POST",
            "voice_receive_mode": "voice",
            "voice_url": line.known_url(line.voice_path),
        }


def _reset(request: web.Request) -> web.Response:
    """Cut the connection."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
