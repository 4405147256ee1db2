"""The door of the whole server: a request gets in where its path has a door, and with a key where that asks for one.

The other proofs (signatures, signed URLs) are checked by the handlers that know them.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from aiohttp import hdrs, web
from aiohttp.typedefs import Middleware

from ivr_bridge.access.doors import Door, door_of
from ivr_bridge.api.problems import problem
from ivr_bridge.telemetry.events import DOOR_REFUSED, REQUEST_FAILED
from ivr_bridge.telemetry.log import Log

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

KEY_HEADER = "X-API-Key"
KEYS_IN_URL = frozenset({"api_key", "apikey", "api-key", "key", "token", "access_token", "x-api-key", "authorization"})
"""Names, in lower case, under which people put a key into a URL, where proxies and browsers write it down."""

REFUSALS_AT_ONCE = 10
REFUSAL_EVERY_S = 6.0
"""Log lines about refusals: so many at once, then one in this time; the rest is not logged."""

PATH_LOGGED = 200

HOW = "send the key as `Authorization: Bearer KEY` or `X-API-Key: KEY`; the first one lies in var/api_key"


class KeyVerifier(Protocol):
    """What `ApiKeys` does here."""

    def verify(self, key: str) -> bool:
        """Whether this is a key."""
        ...


def door_keeper(keys: KeyVerifier, log: Log, *, clock: Callable[[], float] = time.monotonic) -> Middleware:
    """The middleware: make it the application's first.

    Paths without a door are 404, also those that have a route. Under `API_KEY`: 400 for a key in the URL, 401 without a
    right key, for every method. Past the door, `OPTIONS` is answered with `Allow`; errors of the open and the key's
    paths are problem JSON; what a handler of theirs raises by mistake is logged and answered with 500.

    Args:
        keys: who gets in.
        log: gets `door.refused`, bounded in rate, and `request.failed`.
        clock: seconds, monotonic.
    """
    refusals = _Refusals(log, clock)

    @web.middleware
    async def keep_door(request: web.Request, handler: Handler) -> web.StreamResponse:
        door = _door_of(request)
        if door is None:
            return problem(404, "there is nothing here")
        if door is Door.API_KEY:
            if any(name.lower() in KEYS_IN_URL for name in request.query):
                refusals.note(request)
                return problem(400, f"a key never goes into a URL: {HOW}", code="key_in_url")
            key = _key_of(request)
            if key is None or not keys.verify(key):
                refusals.note(request)
                return _unauthorized(key is not None)
        if door not in (Door.OPEN, Door.API_KEY):
            return await handler(request)
        return await _answer(request, handler, log)

    return keep_door


def _door_of(request: web.Request) -> Door | None:
    """By the path as it was asked and by the route that it was understood as: they must agree."""
    door = door_of(request.path)
    resource = request.match_info.route.resource
    if resource is not None and door_of(resource.canonical) is not door:
        return None
    return door


def _key_of(request: web.Request) -> str | None:
    scheme, _, key = request.headers.get(hdrs.AUTHORIZATION, "").strip().partition(" ")
    if scheme.lower() == "bearer":
        return key.strip()
    return request.headers.get(KEY_HEADER)


def _unauthorized(shown: bool) -> web.Response:
    challenge = 'Bearer realm="ivr-bridge"' + (', error="invalid_token"' if shown else "")
    detail = f"this key is not known: {HOW}" if shown else f"this needs a key: {HOW}"
    return problem(
        401, detail, code="key_unknown" if shown else "key_missing", headers={hdrs.WWW_AUTHENTICATE: challenge}
    )


async def _answer(request: web.Request, handler: Handler, log: Log) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        allow = ", ".join(sorted({*error.allowed_methods, hdrs.METH_OPTIONS}))
        if request.method == hdrs.METH_OPTIONS:
            return web.Response(status=204, headers={hdrs.ALLOW: allow})
        return problem(405, f"allowed here: {allow}", headers={hdrs.ALLOW: allow})
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return problem(error.status, "there is nothing here" if error.status == 404 else error.reason)
    except ConnectionError:
        raise  # the client is gone
    except Exception as error:  # noqa: BLE001  the border of a request: logged, and answered
        log.emit(REQUEST_FAILED, path=request.path[:PATH_LOGGED], error=repr(error))
        return problem(500, "a mistake of this server; its log says more")


class _Refusals:
    """Logs refusals by a bucket of `REFUSALS_AT_ONCE` lines, filled by one line in `REFUSAL_EVERY_S`."""

    def __init__(self, log: Log, clock: Callable[[], float]) -> None:
        self._log = log
        self._clock = clock
        self._lines_left = float(REFUSALS_AT_ONCE)
        self._filled_at = clock()

    def note(self, request: web.Request) -> None:
        """Log one refusal, unless there were too many lately."""
        now = self._clock()
        filled = (now - self._filled_at) / REFUSAL_EVERY_S
        self._lines_left = min(self._lines_left + filled, float(REFUSALS_AT_ONCE))
        self._filled_at = now
        if self._lines_left >= 1:
            self._lines_left -= 1
            self._log.emit(DOOR_REFUSED, path=request.path[:PATH_LOGGED], method=request.method)
