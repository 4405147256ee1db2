"""What the checks look at. Each thing that several of them need is asked for once, by the first that comes."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Generic, TypeVar, cast

from ivr_bridge.agents.handlers import Handler, read_handlers
from ivr_bridge.config_file import Problem, load
from ivr_bridge.doctor.finding import NotAsked
from ivr_bridge.doctor.probe import Probes
from ivr_bridge.elevenlabs.rest.agents import Agent
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.errors import ConfigError, VendorError
from ivr_bridge.flows.flow_book import FlowBook, read_flow_book
from ivr_bridge.flows.model import AgentChoice, AgentNode, Flow, SecondAgentRung
from ivr_bridge.settings import ELEVENLABS_URL, BridgeConfig, Settings
from ivr_bridge.speech.prompt_file import read_prompt_files
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.threads import ToolThreads
from ivr_bridge.twilio.rest import TwilioRest, login_of

T = TypeVar("T")

NEEDED_S = 10.0
"""For what other checks wait for; less than a check has, so that they can say what is missing."""
NO_PERMISSION = "missing_permissions"
"""The vendor's word for a key that is good and may not do this."""


class Once(Generic[T]):
    """Does something when it is first called; everybody gets its result or its error. Who waits may be cancelled."""

    def __init__(self, make: Callable[[], Awaitable[T]]) -> None:
        self._make = make
        self._task: asyncio.Task[T] | None = None

    async def __call__(self) -> T:
        """The result."""
        if self._task is None:
            self._task = asyncio.ensure_future(self._run())
            self._task.add_done_callback(lambda task: task.cancelled() or task.exception())  # not "never retrieved"
        return await asyncio.shield(self._task)

    async def close(self) -> None:
        """End it if it still runs."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    async def _run(self) -> T:
        return await self._make()


@dataclass(frozen=True, slots=True)
class Written:
    """What stands in `config/`, as far as the outside depends on it."""

    bridge: BridgeConfig
    book: FlowBook
    handlers: tuple[Handler, ...]

    @property
    def flows(self) -> dict[str, Flow]:
        """Those of files, by name."""
        return {name: flow for name, flow in self.book.flows.items() if name != "builtin"}


@dataclass(frozen=True, slots=True)
class NamedAgent:
    """An agent that calls get, where it is named, and what the vendor says of it."""

    agent_id: str
    named_by: str
    agent: Agent | None
    error: VendorError | None = None

    @property
    def label(self) -> str:
        """For people: its name, and its id."""
        return f"{self.agent.name} ({self.agent_id})" if self.agent is not None else self.agent_id


@dataclass
class Surroundings:
    """Everything that a check may ask for.

    Args:
        settings: of the server that is examined.
        check_config: lists what is wrong with `config/`; it may block, and run the operator's code.
        log: for what the clients tell.
        url: where the server is reached, instead of what the settings say.
        now_unix_s: the wall clock.
        timeout_s: for one plain request.
    """

    settings: Settings
    check_config: Callable[[], Sequence[Problem]]
    log: Log = field(default_factory=Log)
    url: str | None = None
    now_unix_s: Callable[[], float] = time.time
    timeout_s: float = 8.0

    def __post_init__(self) -> None:
        self.probes = Probes(timeout_s=self.timeout_s)
        self.threads = ToolThreads()
        self.written = Once(self._read_written)
        self.vendor = Once(self._open_vendor)
        self.agents = Once(self._read_agents)
        self._client: ElevenLabsAPIClient | None = None
        self._twilio: TwilioRest | None = None

    @property
    def is_public(self) -> bool:
        """Whether Twilio could reach the server."""
        return self.base_url.startswith("https://")

    @property
    def base_url(self) -> str:
        """Where the server is reached: as Twilio does, else on this machine."""
        host = self.settings.host
        local = f"http://[{host}]:{self.settings.port}" if ":" in host else f"http://{host}:{self.settings.port}"
        return self.url or self.settings.public_base_url or local

    def twilio(self) -> TwilioRest:
        """Twilio's REST API.

        Raises:
            NotAsked: there are no credentials.
        """
        if self._twilio is None:
            login = login_of(self.settings)
            if login is None:
                missing = "TWILIO_ACCOUNT_SID" if self.settings.twilio_account_sid is None else "TWILIO_AUTH_TOKEN"
                raise NotAsked(
                    f"{missing} is not set",
                    "set TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or TWILIO_API_KEY_SID and TWILIO_API_KEY_SECRET)",
                )
            self._twilio = TwilioRest(login, base_url=self.settings.twilio_api_base_url, timeout_s=self.timeout_s)
        return self._twilio

    async def in_thread(self, function: Callable[[], T]) -> T:
        """What blocks, away from the event loop; one that never returns does not keep the process."""
        return cast("T", await self.threads.run(function))

    async def close(self) -> None:
        """Let go of everything that was opened."""
        for once in (self.written, self.agents, self.vendor):
            await once.close()
        await self.probes.close()
        if self._client is not None:
            await self._client.close()
        if self._twilio is not None:
            await self._twilio.close()

    async def _read_written(self) -> Written:
        folder = self.settings.config_dir

        def read() -> Written:
            bridge = load(folder / "bridge.yaml", BridgeConfig)
            texts = (set(file.prompts.by_name()) for file in read_prompt_files(folder / "prompts").values())
            book = read_flow_book(folder, set.intersection(*texts))
            return Written(bridge, book, read_handlers(folder, bridge.tools_module))

        try:
            return await self.in_thread(read)
        except ConfigError as error:
            raise NotAsked("the configuration cannot be read", "see the check `config`") from error

    async def _open_vendor(self) -> ElevenLabsAPIClient:
        keys = self.settings.elevenlabs_api_keys
        if not keys:
            url = self.settings.elevenlabs_base_url
            instead = "" if url == ELEVENLABS_URL else f", and nobody asks {url}"
            raise NotAsked(
                f"ELEVENLABS_API_KEY is not set: the offline agent answers{instead}",
                "set ELEVENLABS_API_KEY and ELEVENLABS_AGENT_ID for a real one",
            )
        self._client = client = ElevenLabsAPIClient(self.settings.elevenlabs_base_url, keys, log=self.log)
        try:
            async with asyncio.timeout(NEEDED_S):
                await client.user.get()
        except (TimeoutError, VendorError) as error:
            if isinstance(error, VendorError) and error.vendor_code == NO_PERMISSION:
                return client
            raise NotAsked("the vendor cannot be asked", "see the check `elevenlabs_key`") from error
        return client

    async def _read_agents(self) -> tuple[NamedAgent, ...]:
        client, written = await self.vendor(), await self.written()
        named = named_agents(written.flows)
        own = self.settings.elevenlabs_agent_id
        if own is not None:
            named = {own: "ELEVENLABS_AGENT_ID", **named}
        elif (first := await self._first_listed(client)) is not None:
            named = {first: "the first one listed", **named}
        return tuple(await asyncio.gather(*(_read(client, agent_id, place) for agent_id, place in named.items())))

    @staticmethod
    async def _first_listed(client: ElevenLabsAPIClient) -> str | None:
        async with aclosing(client.agents.list()) as agents:
            entry = await anext((agent async for agent in agents if not agent.archived), None)
        return None if entry is None else entry.agent_id


def choices(flow: Flow) -> list[AgentChoice]:
    """What a flow says of its agent: for all of it, then node by node with what holds for all filled in."""
    nodes = [node for node in flow.nodes.values() if isinstance(node, AgentNode)]
    own = [node.model_copy(update={"agent_id": node.agent_id or flow.agent.agent_id}) for node in nodes]
    return [flow.agent, *own]


def named_agents(flows: dict[str, Flow]) -> dict[str, str]:
    """The agents that flows name, at the environment's base URL, and which flow names each first."""
    found: dict[str, str] = {}
    for name, flow in flows.items():
        rungs = [rung for rung in flow.ladder if isinstance(rung, SecondAgentRung) and rung.base_url is None]
        for agent_id in (*(choice.agent_id for choice in choices(flow)), *(rung.agent_id for rung in rungs)):
            if agent_id is not None:
                found.setdefault(agent_id, f"flow {name}")
    return found


async def _read(client: ElevenLabsAPIClient, agent_id: str, named_by: str) -> NamedAgent:
    try:
        return NamedAgent(agent_id, named_by, await client.agents.get(agent_id))
    except VendorError as error:
        return NamedAgent(agent_id, named_by, None, error)
