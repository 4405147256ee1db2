"""The WebSocket of one stream, dialled as the network dials it; the only file here that knows how sockets work."""

from __future__ import annotations

import asyncio
import socket
import struct
from dataclasses import dataclass
from typing import cast

import aiohttp
from yarl import URL

USER_AGENT = "Twilio.TmeWs/1.0"
CONNECT_TIMEOUT_S = 10.0
SEND_STALL_S = 5.0
"""The network hangs up on a server that takes nothing for so long."""
CLOSE_WAIT_S = 1.0
NO_STATUS, ABNORMAL = 1005, 1006
_SMALL_WINDOW_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Closed:
    """The socket is gone: the peer's close code (1005: none given), or 1006 and why."""

    code: int
    problem: str = ""


class StreamRefusedError(Exception):
    """The upgrade did not succeed; the text begins with Twilio's error code."""


class _Socket(aiohttp.ClientWebSocketResponse):
    """A client socket that hands out its transport, which misbehaving on purpose needs."""

    def transport(self) -> asyncio.Transport | None:
        """The TCP transport; None once it is gone."""
        connection = self._response.connection
        return connection.transport if connection else None


class StreamSocket:
    """An open stream socket. Get one by `dial`; afterwards `close` or `reset` it.

    One task may call `receive`; any may send. No extension is offered, no Origin is sent.
    """

    def __init__(self, session: aiohttp.ClientSession, ws: _Socket) -> None:
        self._session = session
        self._ws = ws
        self._is_dead = False

    @classmethod
    async def dial(cls, url: str, signed: str | None) -> StreamSocket:
        """Open `url` (ws or wss) with `X-Twilio-Signature: signed`, or without when None.

        Raises:
            StreamRefusedError: refused (31902), no answer in 10 s (31901), TLS (31910), not a 101 (31920).

        Source: captured upgrade requests; https://www.twilio.com/docs/api/errors/31920 and its neighbours
        """
        headers = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"}
        if signed is not None:
            headers["X-Twilio-Signature"] = signed
        session = aiohttp.ClientSession(ws_response_class=_Socket, skip_auto_headers=("Accept",))
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                ws = await session.ws_connect(
                    URL(url, encoded=True),
                    headers=headers,
                    autoclose=False,
                    autoping=False,
                    compress=0,
                    timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_WAIT_S),
                )
            return cls(session, cast("_Socket", ws))
        except BaseException as error:
            await session.close()
            if refusal := _refusal(error):
                raise StreamRefusedError(refusal) from error
            raise

    async def receive(self) -> str | bytes | Closed:
        """The next message; pings are answered here, a close is answered and is the last thing received."""
        while True:
            message = await self._ws.receive()
            match message.type:
                case aiohttp.WSMsgType.TEXT | aiohttp.WSMsgType.BINARY:
                    return cast("str | bytes", message.data)
                case aiohttp.WSMsgType.PING if not self._is_dead:
                    await self._ws.pong(message.data)
                case aiohttp.WSMsgType.CLOSE:
                    if not self._is_dead:
                        await self._ws.close()
                    return Closed(message.data or NO_STATUS)
                case aiohttp.WSMsgType.ERROR:
                    return Closed(ABNORMAL, f"31924 WebSocket protocol error: {message.data}")
                case aiohttp.WSMsgType.CLOSED | aiohttp.WSMsgType.CLOSING:
                    return Closed(ABNORMAL, "31903 the connection was lost")

    async def send(self, text: str) -> None:
        """Send one text message.

        Raises:
            ConnectionError: the socket is gone.
            TimeoutError: the server has not read for 5 s.
        """
        async with asyncio.timeout(SEND_STALL_S):
            await self._ws.send_str(text)

    async def send_binary(self, data: bytes) -> None:
        """Send one binary message, which the network never does by itself. Raises like `send`."""
        async with asyncio.timeout(SEND_STALL_S):
            await self._ws.send_bytes(data)

    async def close(self) -> None:
        """Close with 1000 and wait a second for the answer; harmless when it is closed already."""
        await self._ws.close()
        await self._session.close()

    async def reset(self) -> None:
        """Cut the TCP connection with a RST, no close frame; harmless when it is gone already."""
        if transport := self._ws.transport():
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        await self._session.close()

    def stop_reading(self) -> None:
        """Take nothing more off the wire, so that the server's writes stall; `receive` then never returns."""
        if transport := self._ws.transport():
            raw = transport.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_WINDOW_BYTES)
            transport.pause_reading()

    def play_dead(self) -> None:
        """Answer nothing from now on, neither ping nor close; what comes is still received."""
        self._is_dead = True


def _refusal(error: BaseException) -> str:
    """Twilio's words for an upgrade that failed; nothing for an error that is not the server's."""
    match error:
        case aiohttp.WSServerHandshakeError():
            return f"31920 the upgrade was answered with {error.status}"
        case aiohttp.ClientSSLError():
            return f"31910 TLS: {error}"
        case aiohttp.ClientConnectorError() | ConnectionRefusedError():
            return f"31902 connection refused: {error}"
        case TimeoutError():
            return f"31901 no answer within {CONNECT_TIMEOUT_S:g} s"
        case aiohttp.ClientError() | OSError():
            return f"31920 the upgrade failed: {error or type(error).__name__}"
        case _:
            return ""
