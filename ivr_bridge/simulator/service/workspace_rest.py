"""The REST API of the workspace: settings of conversations, and webhooks."""

import secrets
import time
from typing import Any

from aiohttp import web

from ivr_bridge.simulator.service.account import Account, new_id
from ivr_bridge.simulator.service.merge import merged
from ivr_bridge.simulator.service.refusals import Invalid, field, found, not_found, read_object

_SETTINGS = "convai"
_DEFAULTS: dict[str, Any] = {
    "conversation_initiation_client_data_webhook": None,
    "webhooks": {"post_call_webhook_id": None, "events": ["transcript"], "send_audio": None},
    "can_use_mcp_servers": False,
    "rag_retention_period_days": 10,
    "default_livekit_stack": "standard",
}
_EVENTS = ("transcript", "audio", "call_initiation_failure", "unredacted_transcript", "unredacted_audio")


def convai_settings(account: Account) -> dict[str, Any]:
    """The shape of GET /v1/convai/settings."""
    return account.settings.get(_SETTINGS) or _DEFAULTS


class WorkspaceRest:
    """The handlers; `routes` lists them."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[web.RouteDef]:
        """Every route of the workspace."""
        return [
            web.get("/v1/convai/settings", self._settings),
            web.patch("/v1/convai/settings", self._change_settings),
            web.post("/v1/workspace/webhooks", self._create),
            web.get("/v1/workspace/webhooks", self._list),
            web.patch("/v1/workspace/webhooks/{webhook_id}", self._change),
            web.delete("/v1/workspace/webhooks/{webhook_id}", self._delete),
        ]

    async def _settings(self, _request: web.Request) -> web.Response:
        """What holds for all agents."""
        return web.json_response(convai_settings(self._account))

    async def _change_settings(self, request: web.Request) -> web.Response:
        """Change what is said."""
        body = await read_object(request)
        webhooks = field(body, "webhooks", dict) or {}
        for event in field(webhooks, "events", list) or ():
            if event not in _EVENTS:
                raise Invalid("body.webhooks.events", f"Input should be {' or '.join(map(repr, _EVENTS))}", "enum")
        webhook_id = field(webhooks, "post_call_webhook_id", str)
        if webhook_id is not None and webhook_id not in self._account.webhooks:
            raise not_found("webhook")
        change = {name: body[name] for name in _DEFAULTS if name in body}
        self._account.settings.put(_SETTINGS, merged(convai_settings(self._account), change))
        return web.json_response(convai_settings(self._account))

    def _webhook(self, request: web.Request) -> dict[str, Any]:
        return found(self._account.webhooks.get(request.match_info["webhook_id"]), "webhook")

    async def _create(self, request: web.Request) -> web.Response:
        """A new webhook; its secret is told this once."""
        asked = field(await read_object(request), "settings", dict, required=True)
        if field(asked, "auth_type", str, required=True, where="body.settings") != "hmac":
            raise Invalid("body.settings.auth_type", "Input should be 'hmac'", "literal_error")
        name, url = (field(asked, one, str, required=True, where="body.settings") for one in ("name", "webhook_url"))
        key, secret = new_id("webhook"), f"wsec_{secrets.token_hex(32)}"
        document = {
            "name": name,
            "webhook_id": key,
            "webhook_url": url,
            "is_disabled": False,
            "is_auto_disabled": False,
            "created_at_unix": int(time.time()),
            "auth_type": "hmac",
            "usage": None,
            "most_recent_failure_error_code": None,
            "most_recent_failure_timestamp": None,
        }
        self._account.webhooks.put(key, document, {"secret": secret})
        return web.json_response({"webhook_id": key, "webhook_secret": secret})

    async def _list(self, _request: web.Request) -> web.Response:
        """All of them, without their secrets."""
        return web.json_response({"webhooks": self._account.webhooks.documents()})

    async def _change(self, request: web.Request) -> web.Response:
        """Another name, or off and on."""
        document, body = self._webhook(request), await read_object(request)
        change = {
            "is_disabled": field(body, "is_disabled", bool, required=True),
            "name": field(body, "name", str, required=True),
        }
        self._account.webhooks.put(document["webhook_id"], {**document, **change})
        return web.json_response({"status": "ok"})

    async def _delete(self, request: web.Request) -> web.Response:
        """Forget a webhook, in the settings too."""
        key = self._webhook(request)["webhook_id"]
        settings = convai_settings(self._account)
        if settings["webhooks"]["post_call_webhook_id"] == key:
            self._account.settings.put(_SETTINGS, merged(settings, {"webhooks": {"post_call_webhook_id": None}}))
        self._account.webhooks.remove(key)
        return web.json_response({"status": "ok"})
