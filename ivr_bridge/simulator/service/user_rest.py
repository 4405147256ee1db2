"""The REST API of the account's owner: models, user, subscription, usage."""

from typing import Any

from aiohttp import web

from ivr_bridge.simulator.service.account import Account
from ivr_bridge.simulator.service.models import MODELS
from ivr_bridge.simulator.service.refusals import Invalid, field, missing, read_object
from ivr_bridge.simulator.service.subscription import plain_subscription, subscription

_SINCE_UNIX_S = 1_760_000_000
_DAY_MS = 86_400_000
_MOST_DAYS = 366


class UserRest:
    """The handlers; `routes` lists them."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[web.RouteDef]:
        """Every route of the owner."""
        return [
            web.get("/v1/models", self._models),
            web.get("/v1/user", self._user),
            web.get("/v1/user/subscription", self._subscription),
            web.get("/v1/usage/character-stats", self._characters),
            web.post("/v1/workspace/analytics/query/usage-by-product-over-time", self._usage),
        ]

    async def _models(self, _request: web.Request) -> web.Response:
        """Every model, the telephone's first."""
        return web.json_response(list(MODELS.values()))

    async def _user(self, _request: web.Request) -> web.Response:
        """Whose key it is."""
        return web.json_response(
            {
                "user_id": "user_sandbox",
                "subscription": plain_subscription(self._account),
                "is_new_user": False,
                "can_use_delayed_payment_methods": False,
                "is_onboarding_completed": True,
                "is_onboarding_checklist_completed": True,
                "first_name": "Sandbox",
                "is_api_key_hashed": True,
                "xi_api_key_preview": "...",
                "created_at": _SINCE_UNIX_S,
                "seat_type": "workspace_admin",
            }
        )

    async def _subscription(self, _request: web.Request) -> web.Response:
        """The plan and what is left of it."""
        return web.json_response(subscription(self._account))

    async def _characters(self, request: web.Request) -> web.Response:
        """Characters a day (times in ms); all that was spoken counts for the last day."""
        try:
            start_ms, end_ms = (int(request.query[name]) for name in ("start_unix", "end_unix"))
        except KeyError as error:
            raise missing(f"query.{error.args[0]}") from error
        except ValueError as error:
            raise Invalid("query.start_unix", "Input should be a valid integer", "int_parsing") from error
        first, last = start_ms // _DAY_MS, end_ms // _DAY_MS
        if not 0 <= last - first <= _MOST_DAYS:
            raise Invalid("query.end_unix", "The range is not valid", "value_error")
        days = [day * _DAY_MS for day in range(first, last + 1)]
        count = float(subscription(self._account)["character_count"])
        return web.json_response({"time": days, "usage": {"All": [0.0] * (len(days) - 1) + [count]}})

    async def _usage(self, request: web.Request) -> web.Response:
        """The same as a table, by the call that has replaced it; one row, at the end of the time asked for."""
        body = await read_object(request)
        field(body, "start_time", int, required=True)
        end_ms = field(body, "end_time", int, required=True)
        spent = subscription(self._account)["character_count"]
        rows: list[list[Any]] = [[end_ms, "TTS", float(spent)]]
        return web.json_response(
            {
                "columns": ["time", "product_type", "usage"],
                "column_types": ["Int", "String", "Float"],
                "rows": rows,
                "column_units": ["ms", None, "credits"],
            }
        )
