"""Just enough of HTTP/1.1 for signed webhooks, upgrades and the vendor's REST: heads and bodies of known length."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import NamedTuple, cast
from urllib.parse import urlencode, urlsplit

from benchmarks.load.script import AUTH_TOKEN, PUBLIC_HOST

HEAD_END = b"\r\n\r\n"


class Head(NamedTuple):
    """The first line's words and the headers, names in lower case."""

    words: tuple[str, str, str]
    headers: dict[str, str]

    @property
    def body_bytes(self) -> int:
        """`Content-Length`, 0 without one."""
        return int(self.headers.get("content-length", "0"))


def read_head(data: bytes) -> Head:
    """The head of a request or an answer, without its empty line."""
    first, *lines = data.decode("latin-1").split("\r\n")
    words = (*first.split(" ", 2), "", "")[:3]
    pairs = (line.partition(":") for line in lines)
    return Head((words[0], words[1], words[2]), {name.strip().lower(): value.strip() for name, _, value in pairs})


def signature(url: str, form: Mapping[str, str]) -> str:
    """`X-Twilio-Signature`: HMAC-SHA1 over the URL and the form's names and values in order of name."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(AUTH_TOKEN.encode(), text.encode(), hashlib.sha1).digest()).decode()


def signed_post(url: str, form: Mapping[str, str]) -> bytes:
    """A webhook as the phone network sends it: the URL is the public one, whatever is really dialled."""
    body = urlencode(form).encode()
    head = (
        f"POST {urlsplit(url).path} HTTP/1.1\r\nHost: {PUBLIC_HOST}\r\nConnection: close\r\n"
        f"User-Agent: TwilioProxy/1.1\r\nX-Twilio-Signature: {signature(url, form)}\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def signed_upgrade(url: str) -> bytes:
    """The request of a media stream's socket, as the phone network makes it; `url` is `wss://` without a query."""
    head = (
        f"GET {urlsplit(url).path} HTTP/1.1\r\nHost: {PUBLIC_HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"User-Agent: Twilio.TmeWs/1.0\r\nX-Twilio-Signature: {signature(url, {})}\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    return head.encode()


def answer(status: str, content_type: str, body: bytes) -> bytes:
    """An answer with a body; the connection stays open."""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


class Exchange(asyncio.Protocol):
    """One request, one answer, on a connection of its own; `done` gets status and body."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._data = b""
        self.done: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Collect the answer."""
        self._data += data
        head_text, found, body = self._data.partition(HEAD_END)
        if not found or self.done.done():
            return
        head = read_head(head_text)
        if len(body) >= head.body_bytes:
            self.done.set_result((int(head.words[1]), body[: head.body_bytes]))
            self._transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        """An answer that was cut off is a failure."""
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"no whole answer: {error or 'closed'}"))


async def post(port: int, url: str, form: Mapping[str, str]) -> tuple[int, bytes]:
    """Send one signed webhook to 127.0.0.1:`port`; status and body.

    Raises:
        OSError: no connection, or no whole answer.
        TimeoutError: not within 15 s, as long as the phone network waits.
    """
    async with asyncio.timeout(15):
        _, exchange = await asyncio.get_running_loop().create_connection(
            lambda: Exchange(signed_post(url, form)), "127.0.0.1", port
        )
        return await exchange.done
