"""Signed form posts, as the network sends them to a server, and what came back."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp
from yarl import URL

from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.signing import signature

USER_AGENT = "TwilioProxy/1.1"
MAX_ANSWER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class WebhookAnswer:
    """An HTTP answer; `status` 0 and `problem` when there was none, `problem` too for anything but 2xx.

    `is_unreachable`: nobody listens there, as opposed to somebody who answers badly or not at all.
    """

    url: str
    status: int = 0
    body: bytes = b""
    content_type: str = ""
    took_ms: float = 0.0
    problem: str = ""
    is_unreachable: bool = False


class Webhooks:
    """Asks the server of a line; every request carries a signature over the URL that the network knows."""

    def __init__(self, session: aiohttp.ClientSession, line: Line, faults: PhoneFaults) -> None:
        self._session = session
        self._line = line
        self._faults = faults
        self.failed: list[str] = []
        """What became of notices that nobody took."""
        self._token = f"not-{line.signing_token}" if faults.bad_signature else line.signing_token

    async def ask(
        self, known_url: str, params: Mapping[str, str], *, method: str = "POST", idempotency: str = ""
    ) -> WebhookAnswer:
        """Post (or get) once; total, what goes wrong is in the answer.

        Args:
            known_url: absolute, as the network knows it; a fragment (connection overrides) is neither sent nor signed.
            params: the form; for GET they go into the query.
            method: POST or GET.
            idempotency: the `I-Twilio-Idempotency-Token`, the same for a retry; made here when empty.

        Source: https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
        """
        known_url = known_url.split("#", 1)[0]
        if method.upper() == "GET" and params:
            known_url += ("&" if "?" in known_url else "?") + urlencode(params)
        dialled = self._line.dialled_url(known_url)
        if dialled is None:
            return WebhookAnswer(known_url, problem=f"11210 {known_url} is on a host that this line does not reach")
        signed = signature(self._token, known_url, params.items() if method.upper() == "POST" else ())
        headers = {
            "User-Agent": USER_AGENT,
            "X-Twilio-Signature": signed,
            "I-Twilio-Idempotency-Token": idempotency or str(uuid.uuid4()),
        }
        started_at = time.monotonic()
        try:
            async with self._session.request(
                method.upper(),
                URL(dialled, encoded=True),
                data=params if method.upper() == "POST" else None,
                headers=headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=self._line.webhook_timeout_s),
            ) as response:
                body = await _body(response.content)
                took_ms = (time.monotonic() - started_at) * 1000
                problem = "" if 200 <= response.status < 300 else f"11200 {known_url} answered {response.status}"
                return WebhookAnswer(known_url, response.status, body, response.content_type, took_ms, problem)
        except aiohttp.ClientConnectorError as error:
            return WebhookAnswer(known_url, problem=f"11205 nobody answers at {dialled}: {error}", is_unreachable=True)
        except TimeoutError:
            problem = f"11205 {known_url} did not answer within {self._line.webhook_timeout_s:g} s"
        except (aiohttp.ClientError, OSError) as error:
            problem = f"11205 {known_url} broke off: {error or type(error).__name__}"
        return WebhookAnswer(known_url, took_ms=(time.monotonic() - started_at) * 1000, problem=problem)

    async def tell(self, known_url: str, params: Mapping[str, str], *, method: str = "POST") -> None:
        """Tell something that needs no answer; a failure is entered in `failed`."""
        answer = await self.ask(known_url, params, method=method)
        if answer.problem and not self._faults.bad_signature:
            self.failed.append(answer.problem)


async def _body(content: aiohttp.StreamReader) -> bytes:
    """All of a body, at most the first MiB: one read gives only what has arrived."""
    body = bytearray()
    while len(body) < MAX_ANSWER_BYTES and (piece := await content.read(MAX_ANSWER_BYTES - len(body))):
        body += piece
    return bytes(body)
