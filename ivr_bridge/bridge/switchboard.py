"""Where a call's outgoing connections are made: to agents, to the vendor's own route, to the operator's services."""

import asyncio
from collections.abc import Callable
from typing import Protocol
from urllib.parse import urlsplit

from ivr_bridge.bridge.agent_breaker import AgentBreakers
from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.legs import AgentLeg
from ivr_bridge.bridge.live_calls import LiveCall
from ivr_bridge.elevenlabs.conversation.dialling import AgentDialler, wire_of
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.errors import AgentError, VendorUnreachable
from ivr_bridge.flows.model import HttpNode
from ivr_bridge.flows.moves import AskHttp, HttpAnswered, PromiseCallback
from ivr_bridge.language import Language
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.http_request import HttpFailed, HttpRequests, read_target
from ivr_bridge.tools.json_pointer import pointed
from ivr_bridge.twilio.call_desk import IncomingCall


class CallbackTaker(Protocol):
    """What `Callbacks` does here."""

    async def promise(self, call: IncomingCall, number: str, flow: str, language: Language) -> bool:
        """Keep that a caller is to be called back; on the disk before it returns True."""
        ...


class Switchboard:
    """One for the process.

    Args:
        rest_at: the vendor's REST API at a base URL; None: the one of the environment.
        requests: to the operator's services.
        log: of the server.

    `callbacks` takes promises to call back; while it is None nothing is promised.
    """

    def __init__(self, rest_at: Callable[[str | None], ElevenLabsAPIClient], requests: HttpRequests, log: Log) -> None:
        self._rest_at = rest_at
        self._requests = requests
        self._breakers = AgentBreakers(log)
        self.callbacks: CallbackTaker | None = None

    async def dial(self, live: LiveCall, order: AgentOrder) -> AgentLeg:
        """Open a conversation, unless that agent is known to be down.

        Raises:
            AgentError: there is none to be had.
            AudioFormatError: it is set to a format that we cannot speak.
        """
        config, rest = live.ivr.config, self._rest_at(order.base_url)

        async def dial() -> AgentLeg:
            agent_id = order.agent_id or await live.ivr.profile.agent_id()
            auth, dialect = wire_of(config)
            overrides = order.all_overrides(config.overrides)
            dialler = AgentDialler(rest, agent_id, log=live.log, auth=auth, dialect=dialect, overrides=overrides)
            return await dialler.dial(dynamic_variables=self._variables(live, order), first_message=order.first_message)

        key = f"{order.agent_id or 'default'}" + (f" at {urlsplit(order.base_url).hostname}" if order.base_url else "")
        return await self._breakers.dial(key, dial)

    async def register(self, live: LiveCall, order: AgentOrder) -> str:
        """The TwiML of the vendor's own route to the agent.

        Raises:
            VendorError: there is none to be had.
        """
        try:
            agent_id = order.agent_id or await live.ivr.profile.agent_id()
        except AgentError as error:
            raise VendorUnreachable(str(error)) from error
        return await self._rest_at(order.base_url).twilio.register_call(
            agent_id=agent_id,
            caller=live.asked.caller,
            called=live.asked.called,
            dynamic_variables=self._variables(live, order),
        )

    @staticmethod
    def _variables(live: LiveCall, order: AgentOrder) -> dict[str, str]:
        call = live.asked
        known = {"caller": call.caller, "called": call.called, "call_sid": call.call_sid}
        return order.all_variables(live.ivr.config.dynamic_variables, known)

    async def ask(self, live: LiveCall, asked: AskHttp, node: HttpNode) -> HttpAnswered:
        """Ask a service for a flow; whatever goes wrong, the flow goes on."""
        clock = asyncio.get_running_loop().time
        begun_at = clock()
        host = ""
        try:
            host = read_target(asked.url).raw_host or ""
            reply = await self._requests.ask(
                node.method,
                asked.url,
                asked.headers,
                asked.body,
                timeout_s=node.timeout_s,
                allow_private=node.allow_private,
            )
        except HttpFailed as error:
            ms = (clock() - begun_at) * 1000
            live.log.emit(events.HTTP_FAILED, node=asked.node, host=host, error=error.cause, ms=ms)
            return HttpAnswered(None)
        ms = (clock() - begun_at) * 1000
        live.log.emit(events.HTTP_ASKED, node=asked.node, host=host, status=reply.status, ms=ms)
        found = {name: pointed(reply.json, pointer) for name, pointer in node.save.items()}
        if reply.status // 100 != 2 or None in found.values():
            return HttpAnswered(None)
        return HttpAnswered({name: value for name, value in found.items() if value is not None})

    async def promise_callback(self, live: LiveCall, asked: PromiseCallback) -> bool:
        """Keep that a caller is to be called back; False when it cannot be kept."""
        if self.callbacks is None:
            return False
        return await self.callbacks.promise(live.asked, asked.number, asked.flow, live.language)
