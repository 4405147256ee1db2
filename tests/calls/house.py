"""A whole house for a test: the sandbox and the bridge on free ports of one event loop, and a telephone."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch
from urllib.parse import urlsplit

import aiohttp
import yaml
from aiohttp import web

from ivr_bridge.app import Bridge, build_app
from ivr_bridge.settings import read_settings
from ivr_bridge.simulator.phone.call_log import CallLog
from ivr_bridge.simulator.phone.caller import CallScript, Step
from ivr_bridge.simulator.phone.faults import PhoneFaults
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.phone import new_call_sid
from ivr_bridge.simulator.phone.placed_call import PlacedCall as PhonesCall
from ivr_bridge.simulator.phone.report import CallReport, PhoneEvent
from ivr_bridge.simulator.phone.webhooks import WebhookAnswer, Webhooks
from ivr_bridge.simulator.service import app as service_app
from ivr_bridge.simulator.service.mouth import Mouth
from ivr_bridge.simulator.service.recogniser import Recogniser
from ivr_bridge.simulator.service.voices import VOICES
from ivr_bridge.speech.prompts import Prompts
from ivr_bridge.telemetry.call_feed import CallFeeds, FeedEvent
from ivr_bridge.telemetry.log import Log

TOKEN = "0123456789abcdef0123456789abcdef"
OVER_WITHIN_S = 14.0
CONFIG = Path(__file__).parent.parent.parent / "config"

Twist = Callable[[str, Mapping[str, str]], Mapping[str, str] | None]
"""What becomes of a webhook on its way, by path and form; None: it never arrives."""


@cache
def mouth() -> Mouth:
    """One for all sandboxes of this process."""
    return Mouth()


@cache
def ears() -> Recogniser:
    """One for all sandboxes of this process: making it ready takes seconds."""
    return Recogniser(mouth())


def said_by_agent(text: str, *, voice_id: str = next(iter(VOICES))) -> bytes:
    """How the sandbox's agent, or its text to speech, says this: PCM16, 8 kHz."""
    return mouth().speak(text, VOICES[voice_id]).pcm16


def prompt_text(name: str) -> str:
    """What a prompt of the project's own says, in English."""
    text: str = yaml.safe_load((CONFIG / "prompts" / "en.yaml").read_text())["prompts"][name]
    return text


PROMPTS = tuple(yaml.safe_load((CONFIG / "prompts" / "en.yaml").read_text())["prompts"])


@asynccontextmanager
async def sandbox(*, port: int = 0, absent: str | None = None, **options: Any) -> AsyncIterator[str]:
    """The sandbox on a free port, or on `port`; gives its URL. What is below the path `absent` is answered 404."""

    @web.middleware
    async def hide(request: web.Request, handler: Callable[[web.Request], Any]) -> web.StreamResponse:
        if absent is not None and request.path.startswith(absent):
            return web.json_response({"detail": {"status": "not_found", "message": "no such thing"}}, status=404)
        response: web.StreamResponse = await handler(request)
        return response

    with patch.object(service_app, "Recogniser", lambda _mouth: ears()):
        app = service_app.build_service(**options)
    app.middlewares.append(hide)
    runner = web.AppRunner(app, shutdown_timeout=0.5)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def sandbox_log(url: str) -> list[dict[str, Any]]:
    """What the sandbox at `url` tells of its conversations, the oldest first."""
    async with aiohttp.ClientSession() as session, session.get(f"{url}/sandbox/log") as answer:
        conversations: list[dict[str, Any]] = (await answer.json())["conversations"]
        return conversations


@dataclass
class PlacedCall:
    """What the phone and the server say of one call."""

    report: CallReport
    events: list[FeedEvent]
    is_freed: bool
    """Whether the server had let go of it when it said that the call is over."""
    prompts_by_path: dict[str, str]
    """Where the server gives out the audio of a prompt -> its text."""

    @property
    def told_by_network(self) -> list[str]:
        """Texts that Twilio said, then those of the prompts that it fetched from the server and played."""
        played = (self.prompts_by_path.get(urlsplit(url).path) for url in self.report.played_by_network)
        return [*self.report.said_by_network, *(text for text in played if text is not None)]

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

    @property
    def prompts(self) -> list[str]:
        return [fields["prompt"] for fields in self.named("prompt.played")]

    @property
    def heard_ms(self) -> float:
        """How much audible speech reached the caller's ear."""
        return sum(end - start for start, end in self.report.heard_at_ms)


class TwistedWebhooks(Webhooks):
    """A network that loses or changes webhooks."""

    twist: Twist

    async def ask(
        self, known_url: str, params: Mapping[str, str], *, method: str = "POST", idempotency: str = ""
    ) -> WebhookAnswer:
        twisted = self.twist("/" + known_url.split("/", 3)[3], params)
        if twisted is None:
            return WebhookAnswer(known_url, 200, b"<Response/>", "text/xml")
        return await super().ask(known_url, twisted, method=method, idempotency=idempotency)


@dataclass
class House:
    """A running bridge."""

    bridge: Bridge
    url: str
    feeds: CallFeeds
    service_url: str

    @property
    def line(self) -> Line:
        return Line(self.url, self.bridge.settings.public_base_url, TOKEN)

    async def call(
        self,
        *steps: Step,
        faults: PhoneFaults | None = None,
        twist: Twist | None = None,
        line: Mapping[str, Any] | None = None,
        on_event: Callable[[PhoneEvent], None] | None = None,
        network: Network | None = None,
        **script: Any,
    ) -> PlacedCall:
        """Place one call, with `line` laid over the house's line, and wait until the server calls it over.

        `network`: where others are reached; None: one of its own.
        """
        call_sid = new_call_sid()
        log = CallLog(call_sid, on_event)
        given = faults or PhoneFaults()
        dialled = replace(self.line, **(line or {}))
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session:
            webhooks = TwistedWebhooks(session, dialled, given)
            webhooks.twist = twist or (lambda _path, params: params)
            call = PhonesCall(dialled, webhooks, CallScript(steps, **script), given, log, network=network)
            await call.run()
        return await self.ended(log.report(call.recording, call.caller))

    async def ended(self, report: CallReport) -> PlacedCall:
        """What the server has to say of it, once it is over."""
        events: list[FeedEvent] = []

        async def listen() -> None:
            events.extend([event async for event in self.feeds.follow(report.call_sid)])

        await asyncio.wait_for(listen(), OVER_WITHIN_S)
        freed = self.bridge.desk.calls.find(report.call_sid) is None
        return PlacedCall(report, events, freed, self._prompts_by_path())

    def _prompts_by_path(self) -> dict[str, str]:
        prompts = self.bridge.current.ivr.prompts
        # What a test put in its place on the object is not asked.
        ready = (Prompts.get(prompts, name, language) for name in PROMPTS for language in ("en", "es", "zh"))
        return {f"/prompts/{prompt.key}.wav": prompt.text for prompt in ready if prompt is not None}

    async def ready(self) -> None:
        """Wait until the greeting and all prompts are rendered."""
        async with asyncio.timeout(90):
            ivr = self.bridge.current.ivr
            while ivr.prompts.missing or ivr.profile.greeting(ivr.config.greeting, ivr.config.language).prompt is None:
                await asyncio.sleep(0.02)


@asynccontextmanager
async def house(
    tmp_path: Path,
    service_url: str,
    *,
    rendered: Path | None = None,
    config: Mapping[str, object] | None = None,
    prompts: Mapping[str, str] | None = None,
    flows: Mapping[str, Mapping[str, Any]] | None = None,
    hours: Mapping[str, Any] | None = None,
    **given: Any,
) -> AsyncIterator[House]:
    """The bridge, with `given` settings.

    Args:
        tmp_path: its `var/` lies there.
        service_url: of the sandbox.
        rendered: prompts made before; they need not be made again.
        config: laid over the project's own `config/bridge.yaml`.
        prompts: prompts of the operator, the same in every language, beside the project's own.
        flows: instead of the project's own; without any, a call is nothing but the agent.
        hours: instead of the project's own.
        given: settings, by name.
    """
    feeds = CallFeeds()
    if rendered is not None:
        shutil.copytree(rendered, tmp_path / "var" / "prompts")
    given.setdefault("config_dir", _config_dir(tmp_path / "config", config or {}, prompts or {}, flows or {}, hours))
    settings = read_settings(
        {},
        port=0,
        var_dir=tmp_path / "var",
        elevenlabs_base_url=service_url,
        elevenlabs_api_key=given.pop("elevenlabs_api_key", "test"),
        twilio_auth_token=TOKEN,
        **given,
    )
    bridge = await build_app(settings, Log(feeds), feeds)
    try:
        yield House(bridge, await bridge.start(), feeds, service_url)
    finally:
        await bridge.close()


def _config_dir(
    folder: Path,
    config: Mapping[str, object],
    prompts: Mapping[str, str],
    flows: Mapping[str, Mapping[str, Any]],
    hours: Mapping[str, Any] | None,
) -> Path:
    shutil.copytree(CONFIG, folder)
    own = folder / "bridge.yaml"
    own.write_text(yaml.safe_dump(yaml.safe_load(own.read_text()) | dict(config)))
    for file in (folder / "prompts").iterdir():
        spoken = yaml.safe_load(file.read_text())
        spoken["prompts"] |= prompts
        file.write_text(yaml.safe_dump(spoken))
    shutil.rmtree(folder / "flows")
    for name, flow in flows.items():
        (folder / "flows").mkdir(exist_ok=True)
        (folder / "flows" / f"{name}.yaml").write_text(yaml.safe_dump(dict(flow)))
    if hours is not None:
        (folder / "hours.yaml").write_text(yaml.safe_dump({"hours": dict(hours)}))
    return folder
