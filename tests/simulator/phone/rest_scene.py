"""A bridge, a network and its REST on one loop; requests by a client that shares no code with the product."""

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from ivr_bridge.simulator.phone.call_account import CallAccount
from ivr_bridge.simulator.phone.line import SANDBOX_ACCOUNT_SID
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.network_rest import NetworkRest

from .scripted_bridge import TOKEN, Agent, ScriptedBridge, eventually, listener, serving

OURS, THEIRS = "+15550100002", "+15550100009"
BASE = f"/2010-04-01/Accounts/{SANDBOX_ACCOUNT_SID}"


@dataclass
class RestScene:
    """What a test has in its hands."""

    bridge: ScriptedBridge
    network: Network
    rest: NetworkRest
    session: aiohttp.ClientSession

    async def ask(self, method: str, path: str, *, login: tuple[str, str] | None = None, **form: Any) -> Any:
        """Status and decoded body; the path is below the account."""
        sid, secret = login or (SANDBOX_ACCOUNT_SID, TOKEN)
        pair = base64.b64encode(f"{sid}:{secret}".encode()).decode()
        headers = {"Authorization": f"Basic {pair}"}
        data = [
            (name, item) for name, value in form.items() for item in (value if isinstance(value, list) else [value])
        ]
        url = self.rest.url + (path if path.startswith("/2010") else BASE + path)
        sent: dict[str, Any] = {"data": data} if method == "POST" else {"params": data}
        async with self.session.request(method, url, headers=headers, **sent) as answer:
            if answer.content_type != "application/json":
                return answer.status, await answer.read()
            return answer.status, await answer.json()

    async def call(self, **form: Any) -> str:
        """Dial somebody; the CallSid."""
        given = {"To": THEIRS, "From": OURS, "Twiml": "<Response><Hangup/></Response>", **form}
        if "Url" in given:
            del given["Twiml"]
        status, body = await self.ask("POST", "/Calls.json", **given)
        assert status == 201, body
        return str(body["sid"])

    def account(self, sid: str) -> CallAccount:
        return self.network.calls[sid].account

    async def until(self, sid: str, status: str) -> None:
        """Wait for a call's status."""
        await eventually(lambda: self.account(sid).status == status)

    def url(self, path: str) -> str:
        return self.bridge.base + path

    def told(self, path: str) -> list[dict[str, str]]:
        """What a callback of ours was told, in order."""
        return [params for at, params in self.bridge.posts if at == path]


@asynccontextmanager
async def rest_scene(
    answers: dict[str, Any] | None = None,
    *,
    agent: Agent = listener,
    rest: dict[str, Any] | None = None,
    **line_changes: Any,
) -> AsyncIterator[RestScene]:
    async with serving(agent, answers=answers or {}) as bridge, aiohttp.ClientSession() as session:
        network = Network(bridge.line(**line_changes))
        try:
            async with NetworkRest(network, **(rest or {})) as served:
                yield RestScene(bridge, network, served, session)
        finally:
            await network.close()
