"""Asking the sandbox's REST API in tests."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import ClientSession

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.app import ACCOUNT, REQUEST_LOG, REST_FAULTS
from ivr_bridge.simulator.service.request_log import RequestLog
from ivr_bridge.simulator.service.rest_faults import RestFaults
from tests.simulator.service.caller import Served, served

CLIENT_TOOL = {"type": "client", "name": "lookup", "description": "Look a caller up."}


class Asker:
    """A client with a key: `ask` gives (status, decoded JSON or bytes)."""

    def __init__(self, server: Served, session: ClientSession) -> None:
        self.server = server
        self.session = session

    @property
    def account(self) -> Account:
        return self.server.runner.app[ACCOUNT]

    @property
    def log(self) -> RequestLog:
        return self.server.runner.app[REQUEST_LOG]

    @property
    def faults(self) -> RestFaults:
        return self.server.runner.app[REST_FAULTS]

    async def finished(self) -> dict[str, Any]:
        """The last conversation, once it is over."""
        while (document := self.account.conversations.documents()[-1])["status"] in ("in-progress", "processing"):
            await asyncio.sleep(0.01)
        return document

    async def ask(self, method: str, path: str, body: Any = None, **how: Any) -> tuple[int, Any]:
        async with self.session.request(method, self.server.make_url(path), json=body, **how) as answer:
            raw = await answer.read()
            is_json = answer.content_type == "application/json" and raw
            return answer.status, json.loads(raw) if is_json else raw

    async def good(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        status, answer = await self.ask(method, path, body, **how)
        assert 200 <= status < 300, (status, answer)
        return answer

    async def refused(self, method: str, path: str, body: Any = None, **how: Any) -> tuple[int, str]:
        """The status and the code of the error; of one that does not validate, its kind and place."""
        status, answer = await self.ask(method, path, body, **how)
        detail = answer["detail"]
        if isinstance(detail, list):
            return status, f"{detail[0]['type']} {'.'.join(detail[0]['loc'])}"
        return status, str(detail["code"])


@asynccontextmanager
async def asking(**options: Any) -> AsyncIterator[Asker]:
    async with served(**options) as server, ClientSession(headers={"xi-api-key": "k"}) as session:
        yield Asker(server, session)
