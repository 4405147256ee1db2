"""Requests to the operator's own services: from tools without Python, and from `http` nodes of a flow.

The caller and the agent choose what goes into such a request, so it is bounded in every direction: where it goes
(`address_guard`), how long it takes, how much comes back. Redirects are not followed: they would carry a secret
elsewhere, past what the operator wrote. Nothing is tried again, for the request may have done its work.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import unquote

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver
from aiohttp.resolver import DefaultResolver
from yarl import URL

from ivr_bridge.errors import ToolError
from ivr_bridge.tools.address_guard import AddressGuard, AddressRefused
from ivr_bridge.tools.addresses import Allowance, read_address
from ivr_bridge.tools.json_pointer import pointed as pointed  # noqa: PLC0414  # belongs to a reply

MAX_ANSWER_BYTES = 64 * 1024
MAX_BODY_BYTES = 64 * 1024
MAX_URL_CHARS = 8 * 1024

_CONNECT_TIMEOUT_S = 5.0
_CHUNK_BYTES = 16 * 1024
_PLAIN = re.compile(r"[!-~]+")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

AllowPrivate = bool | Collection[str]
"""True: every private address. Else host names, addresses and networks that may be asked although not public."""


class HttpFailed(ToolError):
    """A request did not give what was asked for. The message may be spoken; `cause` is for the log.

    `cause` names at most the host: no path, no query, no header, nothing of the answer. `status` is the HTTP status,
    0 when none came.
    """

    code = "http_failed"
    sentence: ClassVar[str] = "Sorry, that did not work just now."

    def __init__(self, cause: str, *, status: int = 0) -> None:
        """Keep what the log may say."""
        super().__init__(self.sentence)
        self.cause = cause
        self.status = status


class HttpNotSendable(HttpFailed):
    """The URL, a header or the body cannot be sent once the values are filled in."""

    code = "http_not_sendable"


class HttpRefused(HttpFailed):
    """The address is not public and not listed: nothing was sent."""

    code = "http_address_refused"


class HttpUnreachable(HttpFailed):
    """No connection, or it broke before the answer was complete."""

    code = "http_unreachable"


class HttpTooSlow(HttpFailed):
    """No complete answer within the time limit."""

    code = "http_timeout"
    sentence = "Sorry, that is taking too long."


class HttpBadStatus(HttpFailed):
    """The service answered, and not with 2xx. A redirect is one of these."""

    code = "http_status"


class HttpBadAnswer(HttpFailed):
    """The answer is too long, compressed, or not what it says it is."""

    code = "http_bad_answer"


@dataclass(frozen=True, slots=True)
class HttpReply:
    """An answer of 2xx, read to its end."""

    status: int
    content_type: str
    """Small letters, without parameters: `application/json`; empty when the service gave none."""
    text: str = field(repr=False)
    json: Any = field(repr=False)
    """The text decoded; None when it is no JSON."""


class HttpRequests:
    """Sends requests, one connection pool for each allowance. Made before the event loop runs, closed at the end.

    Args:
        resolver: for host names; the system's if None. For tests.
    """

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._resolver = resolver
        self._sessions: dict[Allowance, aiohttp.ClientSession] = {}
        self._guards: list[AddressGuard] = []

    async def ask(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: object = None,
        *,
        timeout_s: float,
        allow_private: AllowPrivate = False,
    ) -> HttpReply:
        """Send one request and read its answer. Cancelling is safe: the connection is closed.

        Args:
            method: `GET`, `POST`, ...
            url: `http(s)://...`, percent-encoded, with all values filled in.
            headers: with all values filled in; a `Content-Type` for the body is added.
            body: sent as JSON; None sends none.
            timeout_s: from the look-up of the name to the last byte.
            allow_private: what may be asked beside public addresses.

        Raises:
            HttpFailed: one of its kinds; nothing is tried again.
        """
        content = None if body is None else _encoded(body)
        return await self.send(method, url, headers, content, timeout_s=timeout_s, allow_private=allow_private)

    async def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        content: bytes | None,
        content_type: str = "application/json",
        *,
        timeout_s: float,
        allow_private: AllowPrivate = False,
    ) -> HttpReply:
        """As `ask`, with a body that is bytes already, of any length.

        Raises:
            HttpFailed: one of its kinds; nothing is tried again.
        """
        target = read_target(url)
        host = target.raw_host or ""
        try:
            async with self._session(allow_private).request(
                method,
                target,
                data=content,
                headers=_headers(headers, None if content is None else content_type),
                timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(timeout_s, _CONNECT_TIMEOUT_S)),
                allow_redirects=False,
            ) as response:
                return await _reply(response, host)
        except TimeoutError:
            failed: HttpFailed = HttpTooSlow(f"{host}: no answer within {timeout_s:g} s")
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, AddressRefused):
                failed = HttpRefused(f"{error.os_error}; list it, if it is meant to be asked")
            else:
                failed = HttpUnreachable(f"{host}: {type(error).__name__}, {error.os_error.strerror}")
        except (aiohttp.ClientError, OSError) as error:
            failed = HttpUnreachable(f"{host}: {type(error).__name__}")
        # Not chained: the client's own errors show the URL and the headers, with all that was filled in.
        raise failed

    async def close(self) -> None:
        """Close all connections; a later request would open new ones."""
        sessions, guards = list(self._sessions.values()), list(self._guards)
        self._sessions.clear()
        self._guards.clear()
        for session in sessions:
            await session.close()
        for guard in guards:
            await guard.close()

    def _session(self, allow_private: AllowPrivate) -> aiohttp.ClientSession:
        # A connection that one tool may use must not serve another that may not: hence a pool for each allowance.
        allowance = Allowance.read(allow_private)
        session = self._sessions.get(allowance)
        if session is None:
            guard = AddressGuard(allowance, self._resolver or DefaultResolver())
            self._guards.append(guard)
            session = self._sessions[allowance] = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=64, resolver=guard, socket_factory=guard.socket),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,  # a proxy would do the look-up, out of the guard's sight
            )
        return session


def read_target(url: str) -> URL:
    """A URL that may be asked, as far as its text tells.

    Args:
        url: percent-encoded, with all values filled in.

    Raises:
        HttpNotSendable: it is none, not http(s), too long, holds a user, or climbs by `..`.
        HttpRefused: its host is an address in an unusual notation.
    """
    if len(url) > MAX_URL_CHARS:
        raise HttpNotSendable(f"the url is longer than {MAX_URL_CHARS} characters")
    if not _PLAIN.fullmatch(url):
        raise HttpNotSendable("the url holds a character that must be percent-encoded")
    try:
        target = URL(url, encoded=True)
        host, port = target.raw_host, target.port
    except ValueError:
        # Not chained: the words of the error repeat the URL.
        raise HttpNotSendable("the url is none") from None
    if target.scheme not in ("http", "https") or not host or not port:
        raise HttpNotSendable("the url is not http(s)://host/...")
    if target.raw_user is not None or target.raw_password is not None:
        raise HttpNotSendable("the url holds a user or a password; send them as a header")
    if any(unquote(segment) in (".", "..") for segment in target.raw_path.split("/")):
        raise HttpNotSendable("a segment of the url's path is `.` or `..`")
    try:
        read_address(host)
    except ValueError as error:
        raise HttpRefused(str(error)) from error
    return target


def _headers(headers: Mapping[str, str], content_type: str | None) -> dict[str, str]:
    sent = {"User-Agent": "ivr-bridge", "Accept": "application/json", "Accept-Encoding": "identity"}
    if content_type is not None:
        sent["Content-Type"] = content_type
    known = {name.lower(): name for name in sent}
    for name, value in headers.items():
        if _CONTROL.search(value):
            raise HttpNotSendable(f"header {name} would hold a line break or another control character")
        sent[known.get(name.lower(), name)] = value
    return sent


def _encoded(body: object) -> bytes:
    try:
        encoded = orjson.dumps(body)
    except TypeError:
        raise HttpNotSendable("the body has no JSON form") from None
    if len(encoded) > MAX_BODY_BYTES:
        raise HttpNotSendable(f"the body is longer than {MAX_BODY_BYTES} bytes")
    return encoded


async def _reply(response: aiohttp.ClientResponse, host: str) -> HttpReply:
    status = response.status
    if status // 100 == 3:
        raise HttpBadStatus(f"{host} answered {status}, a redirect; write the address it leads to", status=status)
    if status // 100 != 2:
        raise HttpBadStatus(f"{host} answered {status}", status=status)
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise HttpBadAnswer(f"{host} answered in a compressed form that was not asked for", status=status)
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise HttpBadAnswer(f"{host} answered with more than {MAX_ANSWER_BYTES} bytes", status=status)
    content_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    try:
        json = orjson.loads(body)
    except orjson.JSONDecodeError:
        if body and (content_type == "application/json" or content_type.endswith("+json")):
            raise HttpBadAnswer(f"{host} says it answered in JSON and did not", status=status) from None
        json = None
    return HttpReply(status, content_type, _text(bytes(body), response.charset), json)


def _text(body: bytes, charset: str | None) -> str:
    try:
        return body.decode(charset or "utf-8", "replace")
    except LookupError:
        return body.decode("utf-8", "replace")
