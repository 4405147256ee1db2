"""Twilio's REST API: one session, a time limit for each attempt, and a second attempt only where it cannot do harm.

Not the library's client: its time limit is none at all, and it posts again after any 5xx, which for a call means that
two phones ring. What can be asked stands in files of its own, such as account.py, each a function over `ask`.

Source: https://www.twilio.com/docs/usage/requests-to-twilio and .../twilios-response
"""

import base64
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import aiohttp
import orjson
from pydantic import BaseModel, ConfigDict, ValidationError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential
from yarl import URL

from ivr_bridge.errors import VendorBusy, VendorError, VendorFailed, VendorRejected, VendorUnreachable
from ivr_bridge.settings import TWILIO_URL, Settings

API = "/2010-04-01"
CONNECT_TIMEOUT_S = 3.0
TIMEOUT_S = 10.0
"""For one attempt, from the connection to the last byte."""
ATTEMPTS = 3
LONGEST_PAUSE_S = 5.0
"""Between two attempts, whatever `Retry-After` says."""
MAX_ANSWER_BYTES = 8 * 1024 * 1024
MAX_PAGES = 100

Fields = Mapping[str, str | int | float | bool | Sequence[str] | None]
"""Of a query or a form, by Twilio's names; None is left out, a sequence is repeated, booleans go as `true`, `false`."""

M = TypeVar("M", bound="TwilioAnswer")


class TwilioAnswer(BaseModel):
    """An object of Twilio's. Unknown fields are kept (`model_extra`); only what is needed is required."""

    model_config = ConfigDict(extra="allow", frozen=True)


@dataclass(frozen=True, slots=True)
class TwilioLogin:
    """Who asks: an API key and its secret, or the account and its auth token."""

    account_sid: str
    user: str
    secret: str = field(repr=False)

    @property
    def by_api_key(self) -> bool:
        """Whether an API key asks, and not the account itself."""
        return self.user != self.account_sid


def login_of(settings: Settings) -> TwilioLogin | None:
    """The API key where there is one, else the first auth token; None when a part of both is not set."""
    account_sid, key_secret = settings.twilio_account_sid, settings.twilio_api_key_secret
    if account_sid is None:
        return None
    if settings.twilio_api_key_sid is not None and key_secret is not None:
        return TwilioLogin(account_sid, settings.twilio_api_key_sid, key_secret.get_secret_value())
    if settings.twilio_auth_tokens:
        return TwilioLogin(account_sid, account_sid, settings.twilio_auth_tokens[0])
    return None


class TwilioRest:
    """Twilio's REST API of one account.

    Its HTTP session is made at the first request, in the running event loop, and lives until `close`. The secret
    appears in no error, URL or `repr`. Cancelling a request is safe for a GET; a POST may have happened.

    Args:
        login: who asks.
        base_url: scheme and host; another than Twilio's own in tests and for an edge (`api.dublin.ie1.twilio.com`).
        timeout_s: for one attempt.
    """

    __slots__ = ("_authorization", "_session", "_timeout_s", "account_sid", "base_url")

    def __init__(self, login: TwilioLogin, *, base_url: str = TWILIO_URL, timeout_s: float = TIMEOUT_S) -> None:
        self.account_sid = login.account_sid
        self.base_url = base_url.rstrip("/")
        pair = f"{login.user}:{login.secret}".encode()
        self._authorization = "Basic " + base64.b64encode(pair).decode("ascii")
        self._timeout_s = timeout_s
        self._session: aiohttp.ClientSession | None = None

    def path(self, *segments: str) -> str:
        """A path below the account: `path("Calls", sid)` is `/2010-04-01/Accounts/AC.../Calls/CA....json`."""
        return (
            "/".join((f"{API}/Accounts", *(quote(each, safe="") for each in (self.account_sid, *segments)))) + ".json"
        )

    async def ask(self, method: str, path: str, *, query: Fields | None = None, form: Fields | None = None) -> Any:
        """One request, and what it answers, decoded; None for an empty answer (DELETE).

        A GET is tried again after a failure that may pass; anything else only when Twilio surely did nothing with it:
        no connection, or 429. Creating a call knows no idempotency key.

        Args:
            method: of HTTP.
            path: from `path`, or a `..._uri` of an answer; encoded already.
            query: for a GET.
            form: for a POST.

        Raises:
            VendorUnreachable: no answer, or not in time.
            VendorBusy: 429.
            VendorRejected: other 4xx; `vendor_code` is Twilio's number, such as 20003 or 20404.
            VendorFailed: 5xx, or no JSON.

        Source: https://www.twilio.com/docs/api/errors
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: _may_repeat(method, error)),
            stop=stop_after_attempt(ATTEMPTS),
            wait=_pause_s,
            reraise=True,
        )
        return await retrying(self._attempt, method, path, query, form)

    async def entries(self, path: str, name: str, model: type[M], *, query: Fields | None = None) -> AsyncIterator[M]:
        """Everything of a list, page after page, each read as `model`.

        Args:
            path: of the list.
            name: under which a page has its entries, such as `incoming_phone_numbers`.
            model: of one entry.
            query: of the first page; `PageSize` is at most 1000.

        Raises:
            VendorError: as `ask`.
        """
        at = path
        for _ in range(MAX_PAGES):
            page = await self.ask("GET", at, query=query)
            entries = page.get(name) if isinstance(page, dict) else None
            if not isinstance(entries, list):
                raise VendorFailed(f"GET {path}: the answer holds no {name}", status=200)
            for entry in entries:
                yield read_twilio(model, entry, f"GET {path}")
            following = page.get("next_page_uri")
            if not isinstance(following, str) or not following:
                return
            if not following.startswith("/"):
                raise VendorFailed(f"GET {path}: the next page is at another host", status=200)
            at, query = following, None
        raise VendorFailed(f"GET {path}: more than {MAX_PAGES} pages", status=200)

    async def close(self) -> None:
        """Close the session; a later request would make a new one."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _attempt(self, method: str, path: str, query: Fields | None, form: Fields | None) -> Any:
        what = f"{method} {path.partition('?')[0]}"
        url = URL(self.base_url + path, encoded=True)
        try:
            async with self._open_session().request(
                method,
                url.update_query(_pairs(query)) if query else url,
                data=aiohttp.FormData(_pairs(form)) if form is not None else None,
                headers={"Accept": "application/json", "Authorization": self._authorization},
                timeout=aiohttp.ClientTimeout(
                    total=self._timeout_s, sock_connect=min(self._timeout_s, CONNECT_TIMEOUT_S)
                ),
                allow_redirects=False,
            ) as response:
                body = await _read(response, what)
                if response.status // 100 != 2:
                    raise _error(what, response.status, response.headers, body)
        except TimeoutError as error:
            raise VendorUnreachable(f"{what}: no answer in {self._timeout_s:g} s") from error
        except (aiohttp.ClientError, OSError) as error:
            sent = not isinstance(error, aiohttp.ClientConnectorError)
            raise VendorUnreachable(f"{what}: {type(error).__name__}: {error}", sent=sent) from error
        if not body:
            return None
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as error:
            raise VendorFailed(f"{what}: the answer is no JSON", status=200) from error

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=16), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


def read_twilio(model: type[M], answer: object, what: str) -> M:
    """An answer as `model`.

    Raises:
        VendorFailed: it is something else; names the fields and no values.
    """
    try:
        return model.model_validate(answer)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors()[:5])
        raise VendorFailed(f"{what}: the answer is no {model.__name__}: {faults}", status=200) from error


def _pairs(fields: Fields | None) -> list[tuple[str, str]]:
    pairs: list[tuple[str, str]] = []
    for name, value in (fields or {}).items():
        if isinstance(value, bool):
            pairs.append((name, "true" if value else "false"))
        elif isinstance(value, str | int | float):
            pairs.append((name, str(value)))
        else:
            pairs += [(name, each) for each in value or ()]
    return pairs


async def _read(response: aiohttp.ClientResponse, what: str) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > MAX_ANSWER_BYTES:
            raise VendorFailed(f"{what}: the answer is longer than {MAX_ANSWER_BYTES} bytes", status=response.status)
    return bytes(body)


def _error(what: str, status: int, headers: Mapping[str, str], body: bytes) -> VendorError:
    """Twilio's `{code, message, more_info, status}`, or whatever stands in its place."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = None
    said = found if isinstance(found, dict) else {}
    code = said.get("code")
    vendor_code = str(code) if isinstance(code, int | str) else ""
    words = " ".join(part for part in (vendor_code, str(said.get("message") or "")[:300]) if part)
    kind = VendorBusy if status == 429 else VendorRejected if 400 <= status < 500 else VendorFailed
    error = kind(
        f"{what}: HTTP {status}" + (f" {words}" if words else ""),
        status=status,
        vendor_code=vendor_code,
        request_id=headers.get("Twilio-Request-Id", ""),
    )
    if (after := headers.get("Retry-After", "")).isdecimal():
        error.retry_after_s = float(after)
    return error


def _may_repeat(method: str, error: BaseException) -> bool:
    if isinstance(error, VendorBusy):
        return True
    if isinstance(error, VendorUnreachable):
        return method == "GET" or not error.sent
    return method == "GET" and isinstance(error, VendorFailed) and error.status >= 500


_backoff_s = wait_random_exponential(multiplier=0.2, max=2.0)


def _pause_s(state: RetryCallState) -> float:
    """What Twilio asks for in seconds, capped; else ever longer, with jitter."""
    error = state.outcome.exception() if state.outcome is not None else None
    if isinstance(error, VendorError) and error.retry_after_s is not None:
        return min(error.retry_after_s, LONGEST_PAUSE_S)
    return float(_backoff_s(state))
