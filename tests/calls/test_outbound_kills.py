"""kill -9 of a real server: between "you will be called back" and the next line, and while Twilio makes a call."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp
import pytest

from ivr_bridge.simulator.phone.callees import busy
from ivr_bridge.simulator.phone.line import SANDBOX_ACCOUNT_SID, Line
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.network_rest import NetworkRest
from ivr_bridge.simulator.phone.rest_faults import RestFault
from ivr_bridge.simulator.phone.signing import signature
from tests.calls.house import TOKEN
from tests.support.server_process import PATIENCE_S, ServerProcess

pytestmark = pytest.mark.timeout(180)

OURS, WAITS = "+15550100002", "+15550105555"
FIRST, SECOND = "CA" + "1" * 32, "CA" + "2" * 32


@dataclass
class Twilio:
    """The network, and servers that come and go behind it."""

    var: Path
    network: Network
    rest: NetworkRest

    @asynccontextmanager
    async def server(self) -> AsyncIterator[ServerProcess]:
        env = {
            "TWILIO_ACCOUNT_SID": SANDBOX_ACCOUNT_SID, "TWILIO_AUTH_TOKEN": TOKEN, "CALLBACKS": "true",
            "TWILIO_API_BASE_URL": self.rest.url, "OUTBOUND_CALLER_ID": OURS, "MAX_CALLS": "1",
            "ELEVENLABS_BASE_URL": "http://127.0.0.1:9",
        }  # fmt: skip
        server = ServerProcess(self.var, **env)
        try:
            await asyncio.to_thread(server.__enter__)
            self.network.line = Line(server.url, None, TOKEN)
            yield server
        finally:
            await asyncio.to_thread(server.__exit__)

    async def asks(self, server: ServerProcess, path: str, call_sid: str, **more: str) -> str:
        form = {
            "CallSid": call_sid, "AccountSid": SANDBOX_ACCOUNT_SID, "From": WAITS, "To": OURS, "CallStatus": "ringing",
            "Direction": "inbound", **more,
        }  # fmt: skip
        headers = {
            "X-Twilio-Signature": signature(TOKEN, server.url + path, form.items()),
            "Content-Type": "application/x-www-form-urlencoded",
        }
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(server.url + path, data=urlencode(form)) as answer,
        ):
            assert answer.status in (200, 204)
            return await answer.text()

    async def promised(self, server: ServerProcess) -> None:
        """Every line is taken; a second caller is promised to be called back."""
        assert "<Stream" in await self.asks(server, "/twilio/voice", FIRST)
        assert "<Gather" in await self.asks(server, "/twilio/voice", SECOND)
        assert "We will call you back" in await self.asks(server, "/twilio/callback", SECOND, Digits="1")


async def until(happened: Callable[[], Any], what: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not happened():
            await asyncio.sleep(0.05)
    assert happened(), what


def live(folder: Path, story: Callable[[Twilio], Awaitable[None]]) -> None:
    async def play() -> None:
        line = Line("http://127.0.0.1:9", None, TOKEN)
        async with Network(line) as network, NetworkRest(network, numbers=(OURS,)) as rest:
            network.callees.set(WAITS, busy())
            await story(Twilio(folder / "var", network, rest))

    asyncio.run(play())


def test_a_promise_is_not_lost_and_not_doubled(tmp_path: Path) -> None:
    async def story(twilio: Twilio) -> None:
        async with twilio.server() as server:
            await twilio.promised(server)
            server.signal(signal.SIGKILL)
            await asyncio.to_thread(server.wait)
        assert twilio.rest.created == []
        async with twilio.server() as server:
            await until(lambda: twilio.rest.created, "the caller is called back")
            await until(lambda: server.named("callback.ended"), "and Twilio tells of it")
            assert "<Hangup" in await twilio.asks(server, "/twilio/callback", SECOND, Digits="1"), "Twilio repeats it"
            await asyncio.sleep(7)
            assert [call.order.called for call in twilio.rest.created] == [WAITS]
            assert [event["state"] for event in server.named("callback.ended")] == ["waiting"]
            assert WAITS not in "".join(server.lines)

    live(tmp_path, story)


def test_a_create_that_the_kill_cut_off_is_looked_up_and_not_repeated(tmp_path: Path) -> None:
    async def story(twilio: Twilio) -> None:
        twilio.rest.fail(RestFault("late", method="POST", path="Calls.json", after_s=20))
        async with twilio.server() as server:
            await twilio.promised(server)
            await twilio.asks(server, "/twilio/status", FIRST, CallStatus="completed")
            await until(lambda: twilio.rest.created, "the caller is called back")
            server.signal(signal.SIGKILL)
            await asyncio.to_thread(server.wait)
        async with twilio.server() as server:
            await until(lambda: server.named("dial.ended"), "what became of the call")
            await asyncio.sleep(7)
            assert len(twilio.rest.created) == 1
            assert [event["found"] for event in server.named("dial.found")] == [twilio.rest.created[0].sid]
            assert [event["state"] for event in server.named("callback.ended")] == ["waiting"]

    live(tmp_path, story)
