"""HTTP to the vendor: one session, and no answer taken for what it is not.

An answer with an error status, or of another content type than was asked for, is an error of the family `VendorError`:
an error text in JSON must never be played to a caller. Redirects are not followed, they would carry the key elsewhere.
What is sent again, how many go out at once, who is not asked and which key is used is decided beside this file
(repeating.py, limits.py, breaker.py, key_ring.py); here they meet.

Source: https://elevenlabs.io/docs/api-reference/introduction
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, TypeVar

import aiohttp
import orjson
from yarl import URL

from ivr_bridge.elevenlabs.rest.answer_cache import KEPT_S, AnswerCache, MemoryAnswers, cache_key
from ivr_bridge.elevenlabs.rest.breaker import VendorBreaker
from ivr_bridge.elevenlabs.rest.errors import parse_error
from ivr_bridge.elevenlabs.rest.key_ring import KeyRing
from ivr_bridge.elevenlabs.rest.limits import SOCKETS, Limits
from ivr_bridge.elevenlabs.rest.repeating import Repeats
from ivr_bridge.elevenlabs.rest.request import Repeat, Request, spelled
from ivr_bridge.elevenlabs.rest.retry_after import read_retry_after_s
from ivr_bridge.elevenlabs.rest.seed_paths import todays
from ivr_bridge.errors import VendorError, VendorFailed, VendorUnreachable
from ivr_bridge.telemetry.events import VENDOR_REMEMBERED
from ivr_bridge.telemetry.log import Log

MAX_JSON_BYTES = 32 * 1024 * 1024
"""Text to speech with timestamps carries its audio in it."""

MAX_AUDIO_BYTES = 64 * 1024 * 1024
"""Half an hour of `pcm_16000`; no prompt is longer."""

MAX_TEXT_BYTES = 16 * 1024 * 1024
"""A document of the knowledge base."""

MAX_DOWNLOAD_BYTES = 1024 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
"""Of the body of an error; the rest is not read."""

TURN_S = 120.0
"""For one's turn among our own requests; who is never sent again waits no longer than one attempt may take."""

_CONNECT_TIMEOUT_S = 5.0
_CHUNK_BYTES = 64 * 1024
_AUDIO = ("audio/", "application/octet-stream")

T = TypeVar("T")


class Download:
    """An answer that is read as it comes: `async for piece in download`, once.

    `headers` are case-insensitive; `content_type` has no parameters. A piece is 1 to 64 KiB, of any length.
    """

    __slots__ = ("_pieces", "content_type", "headers")

    def __init__(self, headers: Mapping[str, str], content_type: str, pieces: AsyncIterator[bytes]) -> None:
        self.headers = headers
        self.content_type = content_type
        self._pieces = pieces

    def __aiter__(self) -> AsyncIterator[bytes]:
        """The pieces, in order.

        Raises:
            VendorUnreachable: it broke off, or the next piece took longer than the request's `timeout_s`.
            VendorFailed: it is longer than `MAX_DOWNLOAD_BYTES`.
        """
        return self._pieces


class Transport:
    """The vendor's REST API with the keys of one account; shared by tasks of one event loop.

    Its HTTP session is made at the first request, in the running event loop, and lives until `close`.

    Args:
        base_url: scheme and host; a `/v1` at its end is dropped.
        api_keys: sent as `xi-api-key`, the first one first; empty for none. They appear in no error and no `repr`.
        log: of the server; without it one of its own.
        cache: what `cached` remembers with; without it the process's memory.
        limits: how many requests go out.
    """

    __slots__ = ("_breaker", "_cache", "_limits", "_log", "_repeats", "_session", "base_url", "keys")

    def __init__(
        self,
        base_url: str,
        api_keys: Sequence[str] = (),
        *,
        log: Log | None = None,
        cache: AnswerCache | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.base_url = base_url.rstrip("/").removesuffix("/v1").rstrip("/")
        self._log = log or Log()
        self.keys = KeyRing(api_keys, self._log)
        self._cache = cache or MemoryAnswers()
        self._limits = limits or Limits()
        self._breaker = VendorBreaker(self._log)
        self._repeats = Repeats(self._log, self._limits.speaking.one_leaves)
        self._session: aiohttp.ClientSession | None = None

    async def json(self, request: Request) -> Any:
        """The answer, decoded.

        Raises:
            VendorError: no answer, an error, or no JSON.
        """
        body, _ = await self._ask(request, accept="application/json", max_bytes=MAX_JSON_BYTES)
        return _decoded(request, body)

    async def cached(self, request: Request, read: Callable[[Any], T], *, max_age_s: float) -> T:
        """The answer to a GET as `read` reads it, or an earlier one.

        Args:
            request: a GET.
            read: decoded JSON -> what the caller wants; raises `VendorFailed` for what is something else.
            max_age_s: an earlier answer that is no older is given at once; 0: the vendor is asked, and nothing earlier
                is ever given. An older one (up to `KEPT_S`) is given when the vendor fails in a way that may pass.

        Raises:
            VendorError: no answer, an error, or no JSON, and nothing remembered that could stand in.
        """
        request = todays(request)
        key = cache_key(self.base_url, self.keys.account, request)
        found = await self._cache.get(key) if max_age_s > 0 else None
        if found is not None and found[1] <= max_age_s:
            with suppress(VendorFailed):
                return read(_decoded(request, found[0]))
            found = None
        try:
            asked = replace(request, repeat=Repeat.NEVER) if found is not None else request
            body, _ = await self._ask(asked, accept="application/json", max_bytes=MAX_JSON_BYTES)
            answer = read(_decoded(request, body))
        except VendorError as error:
            if not error.retryable:
                await self._cache.drop(key)
            if found is None or not error.retryable:
                raise
            self._log.emit(VENDOR_REMEMBERED, request=request.what, age_s=found[1], error=f"{error.code}: {error}")
            return read(_decoded(request, found[0]))
        await self._cache.put(key, body, kept_s=KEPT_S)
        return answer

    async def forget(self, path: str) -> None:
        """Remember no answer to a GET of this path (without a query): it was changed."""
        await self._cache.drop(cache_key(self.base_url, self.keys.account, Request("GET", path)))

    async def text(self, request: Request) -> str:
        """The answer as text, such as TwiML: UTF-8, any content type but JSON.

        Raises:
            VendorError: no answer, an error, JSON, or bytes that are no text.
        """
        body, content_type = await self._ask(request, accept="*/*", max_bytes=MAX_TEXT_BYTES)
        if content_type.endswith("json"):
            raise VendorFailed(f"{request.what}: asked for text and got {content_type}", status=200)
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise VendorFailed(f"{request.what}: the answer is no text", status=200) from error

    async def audio(self, request: Request) -> bytes:
        """The answer as audio, whole: never empty, never JSON.

        Raises:
            VendorError: no answer, an error, no bytes, or an answer that is not audio.
        """
        body, content_type = await self._ask(request, accept="audio/*", max_bytes=MAX_AUDIO_BYTES)
        if not body:
            raise VendorFailed(f"{request.what}: the answer is empty", status=200)
        _check_audio(request, content_type, body)
        return body

    async def empty(self, request: Request) -> None:
        """Ask, and leave the answer unread.

        Raises:
            VendorError: no answer, or an error.
        """
        await self._ask(request, accept="*/*", max_bytes=MAX_JSON_BYTES)

    @asynccontextmanager
    async def stream(self, request: Request, *, audio: bool = False) -> AsyncIterator[Download]:
        """The answer as it comes. Leave the block when you have enough: what is left is not read.

        It is sent again only before the first byte came. Until the block is left it counts as one of our requests.

        Args:
            request: its `timeout_s` is for the first byte, and for each further piece.
            audio: whether anything but audio is an error; without it look at `content_type` and at the end.

        Raises:
            VendorError: no answer, an error, no bytes, or an answer that is not audio.
        """
        request = todays(request)
        async with AsyncExitStack() as open_answer:

            async def attempt() -> Download:
                async with AsyncExitStack() as stack:
                    download = await self._with_a_key(request, lambda key: self._opened(request, key, stack, audio))
                    open_answer.push_async_exit(stack.pop_all())
                return download

            yield await self._repeats.run(request, attempt)

    async def close(self) -> None:
        """Close the session; a later request would make a new one, in its own event loop."""
        self._limits.leave_loop()
        if self._session is not None:
            session, self._session = self._session, None
            await session.close()

    async def _ask(self, request: Request, *, accept: str, max_bytes: int) -> tuple[bytes, str]:
        """The whole body and its content type, after as many attempts as it takes."""
        request = todays(request)

        async def attempt(key: int) -> tuple[bytes, str]:
            async with self._turn(request, key), self._breaker.asking(request.path), AsyncExitStack() as stack:
                limit = aiohttp.ClientTimeout(total=request.timeout_s, sock_connect=_connect_s(request))
                with _translated(request):
                    response = await self._answered(request, key, stack, accept=accept, limit=limit)
                    return await _read(response, max_bytes, request), response.content_type

        return await self._repeats.run(request, lambda: self._with_a_key(request, attempt))

    async def _opened(self, request: Request, key: int, stack: AsyncExitStack, audio: bool) -> Download:
        await stack.enter_async_context(self._turn(request, key))
        async with self._breaker.asking(request.path):
            limit = aiohttp.ClientTimeout(sock_connect=_connect_s(request), sock_read=request.timeout_s)
            with _translated(request):
                accept = "audio/*" if audio else "*/*"
                response = await self._answered(request, key, stack, accept=accept, limit=limit)
                first = await response.content.readany()
            if audio:
                if not first:
                    raise VendorFailed(f"{request.what}: the answer is empty", status=200)
                _check_audio(request, response.content_type, first)
        return Download(response.headers, response.content_type, _pieces(request, first, response))

    async def _with_a_key(self, request: Request, attempt: Callable[[int], Awaitable[T]]) -> T:
        """What `attempt` gives with the first key that the vendor takes for one."""
        self._breaker.check(request.path)
        while True:
            key = self.keys.position
            try:
                return await attempt(key)
            except VendorError as error:
                if not self.keys.refused(key, error):
                    raise

    @asynccontextmanager
    async def _turn(self, request: Request, key: int) -> AsyncIterator[None]:
        patience_s = request.timeout_s if request.repeat is Repeat.NEVER else TURN_S
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(patience_s):
                    await stack.enter_async_context(self._limits.turn(request.path, key))
            except TimeoutError as error:
                what = f"{request.what}: {patience_s:g} s behind other requests of ours"
                raise VendorUnreachable(what, sent=False) from error
            yield

    async def _answered(
        self, request: Request, key: int, stack: AsyncExitStack, *, accept: str, limit: aiohttp.ClientTimeout
    ) -> aiohttp.ClientResponse:
        """The head of an answer without an error; its body is open until `stack` is left."""
        headers = {"Accept": accept, **self.keys.header_of(key)}
        body: bytes | aiohttp.FormData | None = None
        if request.form is not None:
            body = request.form()
        elif request.json is not None:
            headers["Content-Type"] = "application/json"
            body = orjson.dumps(request.json)
        response = await stack.enter_async_context(
            self._open_session().request(
                request.method,
                URL(self.base_url + request.path, encoded=True).with_query(spelled(request.query)),
                data=body,
                headers=headers,
                timeout=limit,
                allow_redirects=False,
            )
        )
        self._limits.learn(response.headers)
        if response.status // 100 != 2:
            error = parse_error(response.status, response.headers, await _beginning(response))
            error.retry_after_s = read_retry_after_s(response.headers, datetime.now(UTC))
            error.args = (f"{request.what}: {error}",)
            self.keys.strike(error)
            raise error
        return response

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=SOCKETS), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


def _connect_s(request: Request) -> float:
    return min(request.timeout_s, _CONNECT_TIMEOUT_S)


def _decoded(request: Request, body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise VendorFailed(f"{request.what}: the answer is no JSON", status=200) from error


def _check_audio(request: Request, content_type: str, body: bytes) -> None:
    if not content_type.startswith(_AUDIO) or body.startswith(b'{"detail"'):
        raise VendorFailed(f"{request.what}: asked for audio and got {content_type or 'no content type'}", status=200)


async def _read(response: aiohttp.ClientResponse, max_bytes: int, request: Request) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise VendorFailed(f"{request.what}: the answer is longer than {max_bytes} bytes", status=response.status)
    return bytes(body)


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) >= MAX_ERROR_BYTES:
            break
    return bytes(body)


async def _pieces(request: Request, first: bytes, response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    received, piece = 0, first
    while piece:
        received += len(piece)
        if received > MAX_DOWNLOAD_BYTES:
            raise VendorFailed(f"{request.what}: the answer is longer than {MAX_DOWNLOAD_BYTES} bytes", status=200)
        yield piece
        with _translated(request):
            piece = await response.content.readany()


@contextmanager
def _translated(request: Request) -> Iterator[None]:
    """What the HTTP library raises, as the family's errors; none of them shows the address with its query."""
    try:
        yield
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        why = str(error) if isinstance(error, aiohttp.ClientConnectorError) else f"{_connect_s(request):g} s"
        raise VendorUnreachable(f"{request.what}: no connection: {why}", sent=False) from error
    except TimeoutError as error:
        raise VendorUnreachable(f"{request.what}: no answer in {request.timeout_s:g} s") from error
    except (aiohttp.ClientError, OSError) as error:
        why = error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)
        raise VendorUnreachable(f"{request.what}: {type(error).__name__}: {why}") from error
