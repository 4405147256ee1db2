"""One plain HTTP request to somewhere outside, timed; it carries no key of anybody's."""

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import aiohttp

from ivr_bridge.errors import BridgeError

TIMEOUT_S = 8.0
CONNECT_TIMEOUT_S = 4.0
MAX_BODY_BYTES = 64 * 1024


class NoAnswer(BridgeError):
    """Nobody answered; `remedy` is what the kind of failure suggests."""

    code = "no_answer"

    def __init__(self, found: str, remedy: str) -> None:
        """Say what happened, and what to do about it."""
        super().__init__(found)
        self.remedy = remedy


@dataclass(frozen=True, slots=True)
class Answered:
    """Some HTTP answer, whatever its status; `headers` are case-insensitive, `body` is cut at 64 KiB."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    ms: float
    """From the request to the last byte; of a session's first request the connection's set-up is in it."""


class Probes:
    """One HTTP session, made at the first request. Certificates are checked; redirects are not followed."""

    def __init__(self, *, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    async def get(self, url: str) -> Answered:
        """GET.

        Raises:
            NoAnswer: no name, no connection, no certificate that is trusted, or no answer in time.
        """
        return await self._ask("GET", url, None, {})

    async def post_form(self, url: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answered:
        """POST a form.

        Raises:
            NoAnswer: as `get`.
        """
        return await self._ask("POST", url, aiohttp.FormData(dict(form)), headers or {})

    async def close(self) -> None:
        """Close the session."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _ask(self, method: str, url: str, data: aiohttp.FormData | None, headers: Mapping[str, str]) -> Answered:
        if self._session is None:
            self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        host = urlsplit(url).hostname or url
        clock = asyncio.get_running_loop().time
        begun_at = clock()
        try:
            async with self._session.request(
                method,
                url,
                data=data,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    total=self._timeout_s, sock_connect=min(CONNECT_TIMEOUT_S, self._timeout_s)
                ),
            ) as response:
                body = await response.content.read(MAX_BODY_BYTES)
                return Answered(response.status, response.headers, body, (clock() - begun_at) * 1000)
        except TimeoutError as error:
            words = f"{host} did not answer in {self._timeout_s:g} s"
            raise NoAnswer(words, "look at firewalls and proxies on the way, and at what serves there") from error
        except aiohttp.InvalidURL as error:
            raise NoAnswer(f"{url} is no address", "write https://HOST") from error
        except (aiohttp.ClientError, OSError, ssl.SSLError) as error:
            raise _no_answer(host, error) from error


def _no_answer(host: str, error: Exception) -> NoAnswer:
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return NoAnswer(f"the name {host} is not known", "correct the host's name, or its DNS entry")
    if isinstance(error, aiohttp.ClientSSLError | ssl.SSLError):
        remedy = "give the host a certificate of a public authority, with its whole chain; Twilio takes no other"
        return NoAnswer(f"the certificate of {host} is not accepted: {error}", remedy)
    if isinstance(error, aiohttp.ClientConnectorError):
        return NoAnswer(f"no connection to {host}: {error.os_error.strerror or error}", "start what should serve there")
    return NoAnswer(f"{host} broke off: {type(error).__name__}: {error}", "look at what serves there, and its log")
