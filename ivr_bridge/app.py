"""The one place where objects are made and joined: `build_app(settings)` gives a `Bridge` that can serve."""

import asyncio
import contextlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field

from aiohttp import web

from ivr_bridge import __version__
from ivr_bridge.access.api_key import ApiKeys
from ivr_bridge.access.machine_secret import make_once
from ivr_bridge.agents.tools_alert import alert_of_tools
from ivr_bridge.api import call_events, callbacks, calls, health, prompt_assets
from ivr_bridge.api.door_keeper import door_keeper
from ivr_bridge.bridge.agent_profile import AgentProfile
from ivr_bridge.bridge.caller_data import CallerDesk
from ivr_bridge.bridge.current_ivr import CurrentIvr
from ivr_bridge.bridge.desk import Desk, DeskNeeds
from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.bridge.outbound_office import OutboundOffice
from ivr_bridge.bridge.prompt_links import PromptLinks, prompt_links
from ivr_bridge.bridge.rest_clients import RestClients
from ivr_bridge.bridge.sound_work import SoundWork
from ivr_bridge.bridge.sounds import Sounds
from ivr_bridge.bridge.switchboard import Switchboard
from ivr_bridge.bridge.warm_transfers import WarmNeeds, tell_of_cold_ones
from ivr_bridge.config_file import load
from ivr_bridge.config_watch import changed_files
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.elevenlabs.webhooks import routes as elevenlabs_webhooks
from ivr_bridge.elevenlabs.webhooks.conversation_files import ConversationFiles
from ivr_bridge.elevenlabs.webhooks.conversation_log import ConversationLog
from ivr_bridge.elevenlabs.webhooks.conversation_worker import ConversationWorker
from ivr_bridge.errors import ConfigError
from ivr_bridge.flows.engine import Engine
from ivr_bridge.flows.flow_book import read_flow_book
from ivr_bridge.records.call_recorder import CallRecorder
from ivr_bridge.records.conversation_sink import ConversationSink
from ivr_bridge.records.database import Database, database_url
from ivr_bridge.records.left_over import take_left_over
from ivr_bridge.records.records import Records, open_records
from ivr_bridge.settings import BridgeConfig, Settings
from ivr_bridge.speech.prompt_cache import PromptCache
from ivr_bridge.speech.prompt_file import PromptFile, read_prompt_files
from ivr_bridge.speech.prompts import Prompts
from ivr_bridge.speech.synthesizer import Synthesizer
from ivr_bridge.speech.voice import Voice
from ivr_bridge.store.open_store import open_store
from ivr_bridge.store.store import Store
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.call_feed import CallFeeds
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.http_request import HttpRequests
from ivr_bridge.tools.http_tool import http_tools
from ivr_bridge.tools.registry import ToolRegistry
from ivr_bridge.twilio import outbound_webhooks, webhooks
from ivr_bridge.twilio.rest import TwilioRest, login_of
from ivr_bridge.twilio.stream_token import StreamTokens

CLOSE_WAIT_S = 2.0
"""For connections that are still open when the server has nothing left to do."""


@dataclass
class Bridge:
    """Everything of one server. `start`, then calls are taken; `drain` and `close` end it."""

    settings: Settings
    log: Log
    store: Store
    records: Records
    rests: RestClients
    requests: HttpRequests
    twilio: TwilioRest | None
    """Its REST API; None without credentials."""
    current: CurrentIvr
    profile: AgentProfile
    desk: Desk
    sound: SoundWork
    outbound: OutboundOffice
    conversations: ConversationWorker
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
        await self.current.start()
        runner = web.AppRunner(self.web_app, access_log=None, shutdown_timeout=CLOSE_WAIT_S, handle_signals=False)
        self._runner = runner
        await runner.setup()
        site = web.TCPSite(runner, self.settings.host, self.settings.port, backlog=512, reuse_address=True)
        await site.start()
        host, port = runner.addresses[0][:2]
        url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        self.base_url = self.settings.public_base_url or url
        self._background = [
            asyncio.create_task(self._follow_agent(), name="read the agent"),
            asyncio.create_task(self._follow_config(), name="follow the configuration"),
            asyncio.create_task(self.conversations.run(), name="work on what the vendor told"),
            asyncio.create_task(self.outbound.run(), name="call people"),
            asyncio.create_task(
                take_left_over(self.settings.var_dir, self.records, self.conversations.files.read, self.log),
                name="take in what lay in files",
            ),
        ]
        self.sound.start()
        self.log.emit(
            events.SERVER_STARTED,
            url=url,
            public_base_url=self.settings.public_base_url,
            version=__version__,
            var=str(self.settings.var_dir),
        )
        return url

    async def _follow_agent(self) -> None:
        await self.profile.keep_read()
        if (agent := self.profile.agent) is not None:
            tools = self.current.ivr.tools
            await alert_of_tools(self.rests.at(None), agent, tools, self.settings.config_dir, self.log)

    async def _follow_config(self) -> None:
        try:
            async for names in changed_files(self.settings.config_dir):
                await self.current.reload(", ".join(names))
        except (OSError, RuntimeError) as error:  # the system allows no more watches, or the folder is gone
            self.log.emit(events.CONFIG_UNWATCHED, error=str(error))

    async def close(self) -> None:
        """Let go of everything; what is left of calls ends now."""
        await self.desk.close()
        for task in self._background:
            task.cancel()
        if self._background:
            await asyncio.wait(self._background)
        if self._runner is not None:
            await self._runner.cleanup()
        await self.current.close()
        await self.sound.close()
        await self.requests.close()
        await self.outbound.close()
        if self.twilio is not None:
            await self.twilio.close()
        await self.rests.close()
        await self.store.close()
        await self.records.close()
        self.log.emit(events.SERVER_STOPPED, calls=self.desk.calls.ended)


async def build_app(settings: Settings, log: Log, feeds: CallFeeds) -> Bridge:
    """Make and join everything; nothing remote is asked yet.

    Raises:
        ConfigError: a file of `config/`, or what lies in `var/`, cannot be used.
    """
    api_keys, made_api_key = build_access(settings)
    auth_tokens, made_auth_token = build_auth_tokens(settings, log)
    async with contextlib.AsyncExitStack() as undo:
        store = await open_store(settings, log)
        undo.push_async_callback(store.close)
        records = await build_records(settings, log)
        undo.push_async_callback(records.close)
        rests = RestClients(settings, store, log)
        requests = HttpRequests()
        profile = AgentProfile(rests.at(None), settings.elevenlabs_agent_id, log)
        cache = PromptCache(store, settings.var_dir / "prompts", log)
        bridge: Bridge
        links = prompt_links(settings.var_dir, cache, lambda: bridge.base_url)
        current = CurrentIvr(
            lambda: build_ivr(settings, rests.at(None), cache, requests, profile, links=links, log=log), log
        )
        twilio = build_twilio(settings)
        warm = (
            WarmNeeds(twilio, store, lambda: bridge.base_url, links.url_of_hold_music) if twilio is not None else None
        )
        sound = SoundWork(settings, records, requests, log)
        desk = build_desk(
            settings, rests, requests, current, store, records=records, warm=warm, sounds=sound.sounds, log=log
        )
        bridge = Bridge(
            settings,
            log,
            store,
            records,
            rests,
            requests,
            twilio,
            current,
            profile,
            desk,
            sound,
            OutboundOffice(
                settings,
                twilio,
                records=records,
                desk=desk,
                ivr=lambda: current.ivr,
                base_url=lambda: bridge.base_url,
                log=log,
            ),
            build_conversations(settings, records, log),
            web.Application(),
            made_api_key,
            made_auth_token,
        )
        build_web(bridge, auth_tokens, api_keys, feeds)
        prompt_assets.add_routes(bridge.web_app, signed=links.signed, clip_of=links.clip)
        undo.pop_all()
    return bridge


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


def build_ivr(
    settings: Settings,
    rest: ElevenLabsAPIClient,
    cache: PromptCache,
    requests: HttpRequests,
    profile: AgentProfile,
    *,
    links: PromptLinks,
    log: Log,
) -> Ivr:
    """One reading of `config/`.

    Raises:
        ConfigError: a file cannot be used.
    """
    folder = settings.config_dir
    config = load(folder / "bridge.yaml", BridgeConfig)
    if config.legacy_key_in_url:
        log.emit(events.AGENT_KEY_IN_URL)
    files = read_prompt_files(folder / "prompts")
    in_every_language = set.intersection(*(set(file.prompts.by_name()) for file in files.values()))
    book = read_flow_book(folder, in_every_language)
    if login_of(settings) is None:
        tell_of_cold_ones(book.flows, log)
    tools = ToolRegistry.from_module(config.tools_module, http_tools(folder / "tools", os.environ, requests))
    prompts = build_prompts(config, files, rest, cache, profile, log=log)
    profile.use(config, prompts)
    return Ivr(config, book, Engine(book.flows, book.calendars, os.environ), prompts, profile, tools, links)


def build_prompts(
    config: BridgeConfig,
    files: dict[str, PromptFile],
    rest: ElevenLabsAPIClient,
    cache: PromptCache,
    profile: AgentProfile,
    *,
    log: Log,
) -> Prompts:
    """What the line itself says, in the agent's voice unless another one is configured."""

    def voice_of(_language: str) -> Voice | None:
        if config.prompt_voice:
            return Voice(config.prompt_voice, config.prompt_model)
        agent = profile.agent
        return Voice(agent.voice_id, config.prompt_model) if agent is not None and agent.voice_id else None

    async def speak(**wanted: object) -> bytes:
        return await rest.text_to_speech.convert(output_format="pcm_16000", **wanted)  # type: ignore[arg-type]

    return Prompts(files, cache, Synthesizer(speak), voice_of, log)


def build_twilio(settings: Settings) -> TwilioRest | None:
    """Twilio's REST API; None without an account and a secret of it."""
    login = login_of(settings)
    return TwilioRest(login, base_url=settings.twilio_api_base_url) if login is not None else None


def build_desk(
    settings: Settings,
    rests: RestClients,
    requests: HttpRequests,
    current: CurrentIvr,
    store: Store,
    *,
    records: Records,
    warm: WarmNeeds | None,
    sounds: Sounds,
    log: Log,
) -> Desk:
    """Who decides about calls."""
    needs = DeskNeeds(
        settings=settings,
        ivr=lambda: current.ivr,
        tokens=StreamTokens(store),
        switchboard=Switchboard(rests.at, requests, log),
        rows=records,
        log=log,
        warm=warm,
        sounds=sounds,
        store=store,
    )
    return Desk(needs)


async def build_records(settings: Settings, log: Log) -> Records:
    """What must not be lost, told of every call from now on; a database that is down stops nobody.

    Raises:
        ConfigError: DATABASE_URL, or the journal's folder, cannot be used.
    """
    given = settings.database_url.get_secret_value() if settings.database_url is not None else None
    database = Database(database_url(given, settings.var_dir))
    try:
        records = await open_records(database, settings.var_dir, log)
    except OSError as error:
        raise ConfigError(f"{settings.var_dir}: records cannot be kept there: {error.strerror}") from error
    records.start()
    log.tell(CallRecorder(records))
    return records


def build_conversations(settings: Settings, records: Records, log: Log) -> ConversationWorker:
    """What becomes of the vendor's webhooks."""
    files = ConversationFiles(settings.var_dir / "conversations")
    return ConversationWorker(files, ConversationSink(records, settings.var_dir, ConversationLog(log)), log)


def build_web(bridge: Bridge, auth_tokens: Sequence[str], api_keys: ApiKeys, feeds: CallFeeds) -> None:
    """All routes, each behind its door."""
    app = bridge.web_app
    app.middlewares.append(door_keeper(api_keys, bridge.log))
    signed = webhooks.add_routes(
        app,
        settings=bridge.settings,
        auth_tokens=lambda: auth_tokens,
        base_url=lambda: bridge.base_url,
        desk=bridge.desk,
        log=bridge.log,
    )
    init_secret = bridge.settings.elevenlabs_init_secret
    elevenlabs_webhooks.add_routes(
        app,
        secrets=bridge.settings.elevenlabs_webhook_secrets,
        init_secret=init_secret.get_secret_value() if init_secret is not None else None,
        files=bridge.conversations.files,
        came=bridge.conversations.wake,
        callers=CallerDesk(lambda: bridge.current.ivr),
        log=bridge.log,
    )
    outbound_webhooks.add_routes(app, signed, bridge.outbound.outbound, bridge.outbound.offer)
    call_events.add_routes(app, feeds)
    calls.add_routes(app, bridge.outbound, bridge.outbound.live_calls)
    callbacks.add_routes(app, bridge.outbound.callbacks)
    health.add_routes(
        app,
        dependencies=lambda: {
            "store": bridge.store.state(),
            "records": bridge.records.state,
            "agent": bridge.profile.state,
            "prompts": "ok" if not bridge.current.ivr.prompts.missing else "rendering",
        },
        draining=lambda: bridge.desk.draining,
    )
