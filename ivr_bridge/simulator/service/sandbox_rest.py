"""What only the sandbox has: its log, its faults, its keys and its plan, for those on the same machine."""

from typing import Any

from aiohttp import web

from ivr_bridge.errors import ConfigError
from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.faults import FaultPlan, read_fault
from ivr_bridge.simulator.service.keys import Keys
from ivr_bridge.simulator.service.refusals import field, read_object
from ivr_bridge.simulator.service.request_log import RequestLog
from ivr_bridge.simulator.service.rest_faults import RestFaults, read_rest_fault
from ivr_bridge.simulator.service.subscription import set_subscription, subscription


class SandboxRest:
    """The handlers; `routes` lists them. The door lets in this machine only."""

    def __init__(self, account: Account, log: RequestLog, plan: FaultPlan, faults: RestFaults, keys: Keys) -> None:
        self._account = account
        self._log = log
        self._plan = plan
        self._faults = faults
        self._keys = keys

    def routes(self) -> list[web.RouteDef]:
        """Every route of the sandbox's own."""
        return [
            web.get("/sandbox/log", self._show_log),
            web.get("/sandbox/fault", self._show_fault),
            web.post("/sandbox/fault", self._change_fault),
            web.get("/sandbox/rest-faults", self._show_rest_faults),
            web.post("/sandbox/rest-faults", self._add_rest_fault),
            web.delete("/sandbox/rest-faults", self._clear_rest_faults),
            web.post("/sandbox/keys", self._change_keys),
            web.get("/sandbox/subscription", self._show_subscription),
            web.post("/sandbox/subscription", self._change_subscription),
        ]

    async def _show_log(self, _request: web.Request) -> web.Response:
        """What was seen."""
        return web.json_response(self._log.as_json())

    async def _show_fault(self, _request: web.Request) -> web.Response:
        """The fault of conversations that is on, and how many have begun since."""
        return web.json_response(self._plan.as_json())

    async def _change_fault(self, request: web.Request) -> web.Response:
        """Another fault, or none, for the conversations that begin from now on."""
        try:
            self._plan.change(read_fault(await request.json()))
        except (ConfigError, ValueError) as error:
            return _bad(error)
        return web.json_response(self._plan.as_json())

    async def _show_rest_faults(self, _request: web.Request) -> web.Response:
        """The faults of the REST API that are on, the newest first."""
        return web.json_response({"faults": self._faults.as_json()})

    async def _add_rest_fault(self, request: web.Request) -> web.Response:
        """One more, before all others."""
        try:
            self._faults.add(**read_rest_fault(await request.json()))
        except (ConfigError, ValueError) as error:
            return _bad(error)
        return await self._show_rest_faults(request)

    async def _clear_rest_faults(self, request: web.Request) -> web.Response:
        """Behave again."""
        self._faults.clear()
        return await self._show_rest_faults(request)

    async def _change_keys(self, request: web.Request) -> web.Response:
        """Revoke the key `dead`, or let the key `alive` be good again."""
        body = await read_object(request)
        dead, alive = field(body, "dead", str), field(body, "alive", str)
        if dead:
            self._keys.kill(dead)
        if alive:
            self._keys.revive(alive)
        return web.json_response({})

    async def _show_subscription(self, _request: web.Request) -> web.Response:
        """The plan."""
        return web.json_response(subscription(self._account))

    async def _change_subscription(self, request: web.Request) -> web.Response:
        """Any of its fields, and `maximum_concurrent_requests`."""
        change: dict[str, Any] = await read_object(request)
        set_subscription(self._account, change)
        return await self._show_subscription(request)


def _bad(error: Exception) -> web.Response:
    return web.json_response({"detail": str(error)}, status=400)
