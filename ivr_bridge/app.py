"""The one place where objects are made and joined: `build_app(settings)` gives a `Bridge` that can serve."""

import asyncio
import contextlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web

from ivr_bridge import __version__
from ivr_bridge.access.api_key import ApiKeys
from ivr_bridge.access.machine_secret import make_once
from ivr_bridge.api import call_events, health
from ivr_bridge.api.door_keeper import door_keeper
from ivr_bridge.bridge.agent_profile import AgentProfile
from ivr_bridge.bridge.desk import Desk, DeskNeeds
from ivr_bridge.bridge.legs import AgentLeg
from ivr_bridge.bridge.live_calls import LiveCall
from ivr_bridge.config_file import load
from ivr_bridge.elevenlabs.conversation.dialling import AgentDialler
from ivr_bridge.elevenlabs.rest.client import RestClient
from ivr_bridge.elevenlabs.rest.text_to_speech import synthesize
from ivr_bridge.settings import BridgeConfig, Settings
from ivr_bridge.speech.prompt_cache import PromptCache
from ivr_bridge.speech.prompt_file import read_prompt_files
from ivr_bridge.speech.prompts import Prompts
from ivr_bridge.speech.synthesizer import Synthesizer
from ivr_bridge.speech.voice import Voice
from ivr_bridge.store.open_store import open_store
from ivr_bridge.store.store import Store
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.call_feed import CallFeeds
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.registry import ToolRegistry
from ivr_bridge.twilio import webhooks
from ivr_bridge.twilio.stream_token import StreamTokens

CLOSE_WAIT_S = 2.0
"""For connections that are still open when the server has nothing left to do."""


@dataclass
class Bridge:
    """Everything of one server. `start`, then calls are taken; `drain` and `close` end it."""

    settings: Settings
    log: Log
    store: Store
    rest: RestClient
    prompts: Prompts
    profile: AgentProfile
    desk: Desk
    web_app: web.Application
    made_api_key: str | None
    """Made by this start: to be shown once."""
    made_auth_token: bool
    """Whether signatures are checked against a token of this machine, since `TWILIO_AUTH_TOKEN` is not set."""
    base_url: str = ""
    """As Twilio reaches us: `PUBLIC_BASE_URL`, or the address that was bound."""
    _runner: web.AppRunner | None = None
    _background: list[asyncio.Task[None]] = field(default_factory=list)

    async def start(self) -> str:
        """Bind the port and serve; prompts and the agent's greeting are made ready meanwhile.

        Returns:
            The URL that was bound, such as `http://127.0.0.1:8080`.

        Raises:
            OSError: the port is taken, or the address is not ours.
        """
        await self.prompts.load()
        runner = web.AppRunner(self.web_app, access_log=None, shutdown_timeout=CLOSE_WAIT_S, handle_signals=False)
        self._runner = runner
        await runner.setup()
        site = web.TCPSite(runner, self.settings.host, self.settings.port, backlog=512, reuse_address=True)
        await site.start()
        host, port = runner.addresses[0][:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self.base_url = self.settings.public_base_url or url
        self._background = [
            asyncio.create_task(self.profile.keep_read(), name="read the agent"),
            asyncio.create_task(self.prompts.render_missing(), name="render prompts"),
        ]
        self.log.emit(
            events.SERVER_STARTED,
            url=url,
            public_base_url=self.settings.public_base_url,
            version=__version__,
            var=str(self.settings.var_dir),
        )
        return url

    async def close(self) -> None:
        """Let go of everything; what is left of calls ends now."""
        await self.desk.close()
        for task in self._background:
            task.cancel()
        if self._background:
            await asyncio.wait(self._background)
        if self._runner is not None:
            await self._runner.cleanup()
        await self.rest.close()
        await self.store.close()
        self.log.emit(events.SERVER_STOPPED, calls=self.desk.calls.ended)


async def build_app(settings: Settings, log: Log, feeds: CallFeeds) -> Bridge:
    """Make and join everything; nothing remote is asked yet.

    Raises:
        ConfigError: a file of `config/`, or what lies in `var/`, cannot be used.
    """
    config = load(settings.config_dir / "bridge.yaml", BridgeConfig)
    tools = build_tools(config, log)
    api_keys, made_api_key = build_access(settings)
    auth_tokens, made_auth_token = build_auth_tokens(settings, log)
    async with contextlib.AsyncExitStack() as undo:
        store = await open_store(settings, log)
        undo.push_async_callback(store.close)
        rest = build_rest(settings)
        prompts, profile = build_speech(settings, config, rest, store, log)
        desk = build_desk(
            settings=settings,
            config=config,
            rest=rest,
            store=store,
            prompts=prompts,
            profile=profile,
            tools=tools,
            log=log,
        )
        bridge = Bridge(
            settings, log, store, rest, prompts, profile, desk, web.Application(), made_api_key, made_auth_token
        )
        build_web(bridge, auth_tokens, api_keys, feeds)
        undo.pop_all()
    return bridge


def build_tools(config: BridgeConfig, log: Log) -> ToolRegistry:
    """The client tools: ours and the operator's."""
    tools = ToolRegistry.from_module(config.tools_module)
    log.emit(events.TOOLS_LOADED, tools=list(tools.names))
    return tools


def build_access(settings: Settings) -> tuple[ApiKeys, str | None]:
    """The API keys, and the first one when this start made it."""
    keys = ApiKeys(settings.var_dir)
    return keys, keys.load_or_make()


def build_auth_tokens(settings: Settings, log: Log) -> tuple[Sequence[str], bool]:
    """What Twilio signs with; without one, this machine's own, so that verification is never off."""
    if settings.twilio_auth_tokens:
        return settings.twilio_auth_tokens, False
    path = settings.var_dir / "twilio_auth_token"
    token, made = make_once(path, lambda: secrets.token_hex(16))
    if made:
        log.emit(events.KEY_MADE, path=str(path))
    return (token,), True


def build_rest(settings: Settings) -> RestClient:
    """The vendor's REST API."""
    key = settings.elevenlabs_api_key
    return RestClient(settings.elevenlabs_base_url, key.get_secret_value() if key is not None else "")


def build_speech(
    settings: Settings, config: BridgeConfig, rest: RestClient, store: Store, log: Log
) -> tuple[Prompts, AgentProfile]:
    """Prompts in the agent's voice, and what the agent says first."""

    def voice_of(_language: str) -> Voice | None:
        if config.prompt_voice:
            return Voice(config.prompt_voice, config.prompt_model)
        agent = profile.agent
        return Voice(agent.voice_id, config.prompt_model) if agent is not None and agent.voice_id else None

    async def speak(**wanted: object) -> bytes:
        return await synthesize(rest, output_format="pcm_16000", **wanted)  # type: ignore[arg-type]

    cache = PromptCache(store, settings.var_dir / "prompts", log)
    files = read_prompt_files(settings.config_dir / "prompts")
    prompts = Prompts(files, cache, Synthesizer(speak), voice_of, log)
    profile = AgentProfile(rest, settings.elevenlabs_agent_id, config, prompts, log)
    return prompts, profile


def build_desk(
    *,
    settings: Settings,
    config: BridgeConfig,
    rest: RestClient,
    store: Store,
    prompts: Prompts,
    profile: AgentProfile,
    tools: ToolRegistry,
    log: Log,
) -> Desk:
    """Who decides about calls."""

    async def dial(live: LiveCall) -> AgentLeg:
        dialler = AgentDialler(
            rest, await profile.agent_id(), log=live.log, auth=config.agent_auth, overrides=config.overrides
        )
        call = live.asked
        known = {"caller": call.caller, "called": call.called, "call_sid": call.call_sid}
        variables = {name: known[what] for name, what in config.dynamic_variables.items()}
        return await dialler.dial(dynamic_variables=variables, first_message=live.greeting.override)

    needs = DeskNeeds(
        settings=settings,
        config=config,
        tokens=StreamTokens(store),
        prompts=prompts,
        profile=profile,
        tools=tools,
        dial=dial,
        log=log,
    )
    return Desk(needs)


def build_web(bridge: Bridge, auth_tokens: Sequence[str], api_keys: ApiKeys, feeds: CallFeeds) -> None:
    """All routes, each behind its door."""
    app = bridge.web_app
    app.middlewares.append(door_keeper(api_keys, bridge.log))
    webhooks.add_routes(
        app,
        settings=bridge.settings,
        auth_tokens=lambda: auth_tokens,
        base_url=lambda: bridge.base_url,
        desk=bridge.desk,
        log=bridge.log,
    )
    call_events.add_routes(app, feeds)
    health.add_routes(
        app,
        dependencies=lambda: {
            "store": bridge.store.state(),
            "agent": bridge.profile.state,
            "prompts": "ok" if not bridge.prompts.missing else "rendering",
        },
        draining=lambda: bridge.desk.draining,
    )
