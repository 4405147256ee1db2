"""HTTP to the vendor: one session, a time limit for each call, and no answer taken for what it is not.

An answer with an error status, or of another content type than was asked for, is an error of the family `VendorError`:
an error text in JSON must never be played to a caller. Redirects are not followed, they would carry the key elsewhere.
Nothing is tried again here.

Source: https://elevenlabs.io/docs/api-reference/introduction
"""

from collections.abc import Mapping
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from ivr_bridge.elevenlabs.rest.errors import parse_error
from ivr_bridge.errors import VendorError, VendorFailed, VendorUnreachable

MAX_JSON_BYTES = 8 * 1024 * 1024
MAX_AUDIO_BYTES = 64 * 1024 * 1024
"""Half an hour of `pcm_16000`; no prompt is longer."""

MAX_TEXT_BYTES = 64 * 1024
"""Twilio takes no more TwiML."""

_CONNECT_TIMEOUT_S = 5.0
_CHUNK_BYTES = 64 * 1024

Query = Mapping[str, str | int | bool | None]


class RestClient:
    """The vendor's REST API with one key.

    Its HTTP session is made at the first request, in the running event loop, and lives until `close`.

    Args:
        base_url: scheme and host without `/v1`, as `Settings.elevenlabs_base_url`.
        api_key: sent as `xi-api-key`; empty for none. It appears in no error and no `repr`.
    """

    __slots__ = ("_api_key", "_session", "base_url")

    def __init__(self, base_url: str, api_key: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._api_key = api_key
        self._session: aiohttp.ClientSession | None = None

    @property
    def websocket_url(self) -> str:
        """The same host for WebSockets: `wss://` beside `https://`, `ws://` beside `http://`."""
        return "ws" + self.base_url.removeprefix("http")

    @property
    def key_header(self) -> dict[str, str]:
        """`xi-api-key`, for a WebSocket that is opened with the key itself; empty without a key. Never log it."""
        return {"xi-api-key": self._api_key} if self._api_key else {}

    async def get_json(self, path: str, *, query: Query | None = None, timeout_s: float = 10.0) -> object:
        """What a GET answers, decoded.

        Args:
            path: from `/v1/` on; ids in it go through `segment` first.
            query: booleans go as `true` and `false`; None is left out.
            timeout_s: for everything from the connection to the last byte.

        Raises:
            VendorError: no answer, an error, or no JSON.
        """
        body, _ = await self._ask(
            "GET", path, query=query, timeout_s=timeout_s, accept="application/json", max_bytes=MAX_JSON_BYTES
        )
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise VendorFailed(f"GET {path}: the answer is no JSON", status=200) from error

    async def post_bytes(
        self, path: str, json: Mapping[str, object], *, query: Query | None = None, timeout_s: float = 30.0
    ) -> bytes:
        """The audio that a POST answers: never empty, never JSON.

        Raises:
            VendorError: no answer, an error, no bytes, or an answer that is not audio.
        """
        body, content_type = await self._ask(
            "POST", path, query=query, json=json, timeout_s=timeout_s, accept="audio/*", max_bytes=MAX_AUDIO_BYTES
        )
        if not body:
            raise VendorFailed(f"POST {path}: the answer is empty", status=200)
        if not content_type.startswith(("audio/", "application/octet-stream")) or body.startswith(b'{"detail"'):
            raise VendorFailed(f"POST {path}: asked for audio and got {content_type or 'no content type'}", status=200)
        return body

    async def post_text(self, path: str, json: Mapping[str, object], *, timeout_s: float = 10.0) -> str:
        """The text that a POST answers, such as TwiML: UTF-8, any content type but JSON.

        Raises:
            VendorError: no answer, an error, JSON, or bytes that are no text.
        """
        body, content_type = await self._ask(
            "POST", path, query=None, json=json, timeout_s=timeout_s, accept="*/*", max_bytes=MAX_TEXT_BYTES
        )
        if content_type.endswith("json"):
            raise VendorFailed(f"POST {path}: asked for text and got {content_type}", status=200)
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise VendorFailed(f"POST {path}: the answer is no text", status=200) from error

    async def close(self) -> None:
        """Close the session; a later request would make a new one."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Query | None,
        json: Mapping[str, object] | None = None,
        timeout_s: float,
        accept: str,
        max_bytes: int,
    ) -> tuple[bytes, str]:
        what = f"{method} {path}"
        headers = {"Accept": accept, **self.key_header}
        if json is not None:
            headers["Content-Type"] = "application/json"
        try:
            async with self._open_session().request(
                method,
                URL(self.base_url + path, encoded=True).with_query(_spelled(query)),
                data=orjson.dumps(json) if json is not None else None,
                headers=headers,
                timeout=aiohttp.ClientTimeout(total=timeout_s, sock_connect=min(timeout_s, _CONNECT_TIMEOUT_S)),
                allow_redirects=False,
            ) as response:
                body = await _read(response, max_bytes, what)
                if response.status // 100 != 2:
                    raise _named(what, parse_error(response.status, response.headers, body))
                return body, response.content_type
        except TimeoutError as error:
            raise VendorUnreachable(f"{what}: no answer in {timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            raise VendorUnreachable(f"{what}: {type(error).__name__}: {error}") from error

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=32), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


def segment(text: str) -> str:
    """An id as one segment of a path: whatever it holds, it leads nowhere else."""
    return quote(text, safe="")


def _spelled(query: Query | None) -> dict[str, str]:
    return {
        name: str(value).lower() if isinstance(value, bool) else str(value)
        for name, value in (query or {}).items()
        if value is not None
    }


async def _read(response: aiohttp.ClientResponse, max_bytes: int, what: str) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise VendorFailed(f"{what}: the answer is longer than {max_bytes} bytes", status=response.status)
    return bytes(body)


def _named(what: str, error: VendorError) -> VendorError:
    error.args = (f"{what}: {error}",)
    return error
