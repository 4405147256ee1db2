"""A whole house for a test: the sandbox and the bridge on free ports of one event loop, and a telephone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import web

from ivr_bridge.app import Bridge, build_app
from ivr_bridge.settings import read_settings
from ivr_bridge.simulator.phone.caller import CallScript, Step
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.phone import Phone, new_call_sid
from ivr_bridge.simulator.phone.report import CallReport
from ivr_bridge.simulator.service.app import build_service
from ivr_bridge.telemetry.call_feed import CallFeeds, FeedEvent
from ivr_bridge.telemetry.log import Log

TOKEN = "0123456789abcdef0123456789abcdef"
OVER_WITHIN_S = 14.0


@asynccontextmanager
async def sandbox(**options: Any) -> AsyncIterator[str]:
    """The sandbox on a free port; gives its URL."""
    runner = web.AppRunner(build_service(**options), shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@dataclass
class PlacedCall:
    """What the phone and the server say of one call."""

    report: CallReport
    events: list[FeedEvent]

    @property
    def ended(self) -> dict[str, Any]:
        return self.events[-1].fields

    @property
    def reason(self) -> str:
        assert self.events[-1].name == "call.ended", [event.name for event in self.events]
        return str(self.ended["reason"])

    def named(self, name: str) -> list[dict[str, Any]]:
        return [event.fields for event in self.events if event.name == name]

    def texts(self, who: str) -> list[str]:
        return [fields["pii.text"] for fields in self.named(f"{who}.said")]


@dataclass
class House:
    """A running bridge."""

    bridge: Bridge
    url: str
    feeds: CallFeeds

    async def call(self, *steps: Step, faults: PhoneFaults | None = None, **script: Any) -> PlacedCall:
        """Place one call and wait until the server calls it over."""
        call_sid = new_call_sid()
        line = Line(self.url, self.bridge.settings.public_base_url, TOKEN)
        phone = Phone(line, faults=faults or PhoneFaults())
        report = await phone.call(CallScript(steps, **script), call_sid=call_sid)
        events: list[FeedEvent] = []

        async def listen() -> None:
            events.extend([event async for event in self.feeds.follow(call_sid)])

        await asyncio.wait_for(listen(), OVER_WITHIN_S)
        return PlacedCall(report, events)

    async def ready(self) -> None:
        """Wait until the greeting and all prompts are rendered."""
        async with asyncio.timeout(30):
            while self.bridge.prompts.missing or self.bridge.profile.greeting().prompt is None:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def house(tmp_path: Path, service_url: str, **given: Any) -> AsyncIterator[House]:
    """The bridge, with `given` settings; its config is the project's own unless `config_dir` says otherwise."""
    feeds = CallFeeds()
    settings = read_settings(
        {},
        port=0,
        var_dir=tmp_path / "var",
        elevenlabs_base_url=service_url,
        elevenlabs_api_key="test",
        twilio_auth_token=TOKEN,
        **given,
    )
    bridge = await build_app(settings, Log(feeds), feeds)
    try:
        yield House(bridge, await bridge.start(), feeds)
    finally:
        await bridge.close()
