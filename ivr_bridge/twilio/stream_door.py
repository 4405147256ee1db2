"""Who is let in at `/twilio/media/{worker}`, and how far: signature, upgrade, `start` in time; then the desk decides.

Nothing expensive happens before `start`; the token in it is the desk's to check. The worker in the path is for a proxy:
a stream that comes to another worker than its path names is let in all the same, and the call follows it there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from aiohttp import web

from ivr_bridge.errors import RemoteProtocolError
from ivr_bridge.telemetry import events
from ivr_bridge.twilio.signature import signed_by_twilio
from ivr_bridge.twilio.stream_events import StreamClosed, StreamStarted
from ivr_bridge.twilio.stream_socket import CLOSE_TIMEOUT_S, PING_S, StreamSocket

if TYPE_CHECKING:
    from ivr_bridge.telemetry.log import Log
    from ivr_bridge.twilio.call_desk import CallDesk

START_TIMEOUT_S = 5.0
"""From the upgrade to `start`; Twilio needs milliseconds."""

MAX_WAITING = 256
"""Sockets that may be open without a `start`."""

MEDIA_PATH = "/twilio/media"

SIGNATURE_HEADER = "X-Twilio-Signature"

BAD_PEER, OUR_FAULT = 1008, 1011
"""Close codes: policy violation, internal error."""


class StreamDoor:
    """The handler of the media route.

    Args:
        auth_tokens: those that a signature may be made with, now.
        base_url: `https://HOST` or `http://HOST:PORT`, as Twilio reaches us, now.
        account_sid: when set, a stream of any other account is refused.
        desk: holds the conversation.
        log: gets `stream.refused`, `stream.faulted`, `request.failed`.
        start_timeout_s: how long an open socket may be without a `start`.
        max_waiting: how many of them there may be at once.
        close_timeout_s: how long Twilio may take to answer a close frame.
        ping_s: between our pings.
    """

    def __init__(
        self,
        *,
        auth_tokens: Callable[[], Sequence[str]],
        base_url: Callable[[], str],
        account_sid: str | None,
        desk: CallDesk,
        log: Log,
        start_timeout_s: float = START_TIMEOUT_S,
        max_waiting: int = MAX_WAITING,
        close_timeout_s: float = CLOSE_TIMEOUT_S,
        ping_s: float = PING_S,
    ) -> None:
        self._auth_tokens = auth_tokens
        self._base_url = base_url
        self._account_sid = account_sid
        self._desk = desk
        self._log = log
        self._start_timeout_s = start_timeout_s
        self._max_waiting = max_waiting
        self._close_timeout_s = close_timeout_s
        self._ping_s = ping_s
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Sockets that are open and have not started."""
        return self._waiting

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one media socket from upgrade to close.

        Before the upgrade: 403 unsigned, 503 when too many wait. After it: 1008 for a peer that breaks the protocol or
        says nothing, 1011 when the desk raised, else 1000 or whatever the desk closed with.
        """
        url = stream_base_url(self._base_url()) + request.raw_path
        signature = request.headers.get(SIGNATURE_HEADER)
        if not signed_by_twilio(signature=signature, url=url, form=None, tokens=self._auth_tokens()):
            self._log.emit(events.STREAM_REFUSED, reason="unsigned")
            return web.Response(status=403)
        if self._waiting >= self._max_waiting:
            self._log.emit(events.STREAM_REFUSED, reason="too_many_waiting")
            return web.Response(status=503)
        self._waiting += 1
        try:
            leg = await StreamSocket.accept(request, close_timeout_s=self._close_timeout_s, ping_s=self._ping_s)
        except ConnectionError:
            self._waiting -= 1
            self._log.emit(events.STREAM_REFUSED, reason="lost_in_upgrade")
            return web.Response(status=400)
        except BaseException:
            self._waiting -= 1
            raise
        try:
            try:
                refusal = await self._wait_for_start(leg)
            finally:
                self._waiting -= 1
            if refusal:
                self._log.emit(events.STREAM_REFUSED, reason=refusal, close_code=BAD_PEER)
                await leg.close(BAD_PEER, refusal)
            else:
                await self._run(leg, request.path)
        except BaseException:
            leg.abort()
            raise
        return leg.response

    async def _wait_for_start(self, leg: StreamSocket) -> str:
        """Read up to `start`; an empty answer is a welcome, any other the reason for a refusal."""
        try:
            async with asyncio.timeout(self._start_timeout_s):
                while True:
                    for event in await leg.receive():
                        if isinstance(event, StreamStarted):
                            wanted = self._account_sid
                            return "" if wanted in (None, event.account_sid) else "other_account"
                        if isinstance(event, StreamClosed):
                            return "closed_before_start"
        except TimeoutError:
            return "no_start"
        except RemoteProtocolError as error:
            return str(error)

    async def _run(self, leg: StreamSocket, path: str) -> None:
        log = self._log.bind(call_sid=leg.call_sid)
        try:
            await self._desk.run_stream(leg)
        except RemoteProtocolError as error:
            log.emit(events.STREAM_FAULTED, stream_sid=leg.stream_sid, error=str(error))
            await leg.close(BAD_PEER, "protocol error")
        except Exception as error:  # noqa: BLE001 - a task border: logged, and the caller goes on to `stream-ended`
            log.emit(events.REQUEST_FAILED, path=path, error=repr(error))
            await leg.close(OUR_FAULT, "internal error")
        else:
            await leg.close()


def stream_base_url(base_url: str) -> str:
    """`wss://` beside `https://`, `ws://` beside `http://`."""
    return "ws" + base_url.removeprefix("http")
