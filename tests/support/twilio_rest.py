"""A tiny Twilio on a loopback port: one account and its numbers, and whatever else a test makes it answer."""

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from pydantic import SecretStr

from ivr_bridge.settings import Settings
from ivr_bridge.twilio.rest import TwilioLogin, TwilioRest
from tests.support.served import served

ACCOUNT_SID = "AC" + "0a" * 16
AUTH_TOKEN = "twilio-auth-token"
KEY_SID, KEY_SECRET = "SK" + "0b" * 16, "twilio-key-secret"
PAGE = 2

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def number(phone_number: str, **fields: Any) -> dict[str, Any]:
    """An incoming phone number as Twilio shows it, pointing nowhere unless told."""
    return {
        "account_sid": ACCOUNT_SID,
        "address_requirements": "none",
        "api_version": "2010-04-01",
        "beta": False,
        "capabilities": {"voice": True, "sms": True, "mms": False, "fax": False},
        "date_created": "Thu, 30 Jul 2015 23:19:04 +0000",
        "date_updated": "Thu, 30 Jul 2015 23:19:04 +0000",
        "friendly_name": phone_number,
        "origin": "twilio",
        "phone_number": phone_number,
        "sid": "PN" + phone_number[1:].rjust(32, "0"),
        "status": "in-use",
        "status_callback": "",
        "status_callback_method": "POST",
        "trunk_sid": None,
        "voice_application_sid": None,
        "voice_fallback_method": "POST",
        "voice_fallback_url": "",
        "voice_method": "POST",
        "voice_receive_mode": "voice",
        "voice_url": "",
        **fields,
    }


class FakeTwilio:
    """What the account is, what was asked, and what is answered instead of the truth."""

    def __init__(self) -> None:
        self.account: dict[str, Any] = {"friendly_name": "Test", "sid": ACCOUNT_SID, "status": "active", "type": "Full"}
        self.numbers: list[dict[str, Any]] = []
        self.logins = {ACCOUNT_SID: AUTH_TOKEN, KEY_SID: KEY_SECRET}
        self.instead: list[Answer] = []
        """Answer the next requests, one each."""
        self.asked: list[tuple[str, str, dict[str, str], list[tuple[str, str]]]] = []
        """Method, path with its query, headers, form."""
        self.url = ""

    def login(self, *, by_key: bool = False) -> TwilioLogin:
        return (
            TwilioLogin(ACCOUNT_SID, KEY_SID, KEY_SECRET)
            if by_key
            else TwilioLogin(ACCOUNT_SID, ACCOUNT_SID, AUTH_TOKEN)
        )

    def rest(self, *, timeout_s: float = 5.0) -> TwilioRest:
        return TwilioRest(self.login(), base_url=self.url, timeout_s=timeout_s)

    def settings(self, **more: Any) -> dict[str, Any]:
        """What an operator sets for it."""
        return {
            "twilio_account_sid": ACCOUNT_SID,
            "twilio_auth_token": SecretStr(AUTH_TOKEN),
            "twilio_api_base_url": self.url,
            **more,
        }

    async def answer(self, request: web.Request) -> web.StreamResponse:
        form = [(name, str(value)) for name, value in (await request.post()).items()]
        self.asked.append((request.method, request.raw_path, dict(request.headers), form))
        if self.instead:
            return await self.instead.pop(0)(request)
        if not self._knows(request.headers.get("Authorization", "")):
            return refusal(401, 20003, "Authenticate")
        base = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
        if request.path == f"{base}.json":
            return web.json_response(self.account)
        if request.path == f"{base}/IncomingPhoneNumbers.json":
            return web.json_response(self._page(request))
        return refusal(404, 20404, f"The requested resource {request.path} was not found")

    def _knows(self, authorization: str) -> bool:
        pairs = {f"Basic {base64.b64encode(f'{user}:{word}'.encode()).decode()}" for user, word in self.logins.items()}
        return authorization in pairs

    def _page(self, request: web.Request) -> dict[str, Any]:
        page, wanted = int(request.query.get("Page", "0")), request.query.get("PhoneNumber", "")
        fitting = [each for each in self.numbers if wanted in each["phone_number"]]
        shown = fitting[page * PAGE : page * PAGE + PAGE]
        more = len(fitting) > page * PAGE + PAGE
        return {
            "end": page * PAGE + len(shown) - 1,
            "first_page_uri": f"{request.path}?PageSize={PAGE}&Page=0",
            "incoming_phone_numbers": shown,
            "next_page_uri": f"{request.path}?PageSize={PAGE}&Page={page + 1}&PageToken=PA%2F1" if more else None,
            "page": page,
            "page_size": PAGE,
            "previous_page_uri": None,
            "start": page * PAGE,
            "uri": request.raw_path,
        }


def refusal(status: int, code: int, message: str, **headers: str) -> web.Response:
    """Twilio's shape of an error."""
    body = {
        "code": code,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    return web.json_response(body, status=status, headers={"Twilio-Request-Id": "RQ1", **headers})


@asynccontextmanager
async def fake_twilio() -> AsyncIterator[FakeTwilio]:
    twilio = FakeTwilio()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", twilio.answer)
    async with served(app) as twilio.url:
        yield twilio


def twilio_settings(twilio: FakeTwilio, **more: Any) -> Settings:
    return Settings(**twilio.settings(**more))
