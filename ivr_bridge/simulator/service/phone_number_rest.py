"""The REST API of phone numbers: imported ones, and the agent that answers each."""

from typing import Any

from aiohttp import web

from ivr_bridge.simulator.service.account import Account, new_id
from ivr_bridge.simulator.service.refusals import Invalid, field, found, not_found, read_object

_PATH = "/v1/convai/phone-numbers"
_PROVIDERS = ("twilio",)


class PhoneNumberRest:
    """The handlers; `routes` lists them."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[web.RouteDef]:
        """Every route of phone numbers."""
        one = f"{_PATH}/{{phone_number_id}}"
        return [
            web.post(_PATH, self._create),
            web.get(_PATH, self._list),
            web.get(one, self._get),
            web.patch(one, self._change),
            web.delete(one, self._delete),
        ]

    def _document(self, request: web.Request) -> dict[str, Any]:
        return found(self._account.phone_numbers.get(request.match_info["phone_number_id"]), "phone_number")

    def _agent(self, agent_id: str | None) -> str | None:
        """The id of an agent that is there."""
        if agent_id is not None and agent_id not in self._account.agents:
            raise not_found("agent")
        return agent_id

    def _shown(self, document: dict[str, Any]) -> dict[str, Any]:
        """With the agent's name as it is now."""
        kept = dict(document)
        agent = self._account.agents.get(kept.pop("agent_id") or "")
        assigned = None if agent is None else {"agent_id": agent["agent_id"], "agent_name": agent["name"]}
        return {**kept, "assigned_agent": assigned}

    async def _create(self, request: web.Request) -> web.Response:
        """Import a number of Twilio's; its credentials are not kept."""
        body = await read_object(request)
        if body.get("provider", "twilio") not in _PROVIDERS:
            raise Invalid("body.provider", "The sandbox knows only 'twilio'", "enum")
        number, label = (field(body, name, str, required=True) for name in ("phone_number", "label"))
        for name in ("sid", "token"):
            field(body, name, str, required=True)
        key = new_id("phnum")
        document = {
            "phone_number_id": key,
            "phone_number": number,
            "label": label,
            "supports_inbound": body.get("supports_inbound", True) is not False,
            "supports_outbound": body.get("supports_outbound", True) is not False,
            "provider": "twilio",
            "agent_id": self._agent(field(body, "agent_id", str)),
        }
        self._account.phone_numbers.put(key, document)
        return web.json_response({"phone_number_id": key})

    async def _list(self, request: web.Request) -> web.Response:
        """All of them, without pages."""
        agent_id = request.query.get("agent_id")
        numbers = [
            self._shown(document)
            for document in self._account.phone_numbers.documents()
            if agent_id in (None, document["agent_id"])
        ]
        return web.json_response(numbers)

    async def _get(self, request: web.Request) -> web.Response:
        """One number."""
        return web.json_response(self._shown(self._document(request)))

    async def _change(self, request: web.Request) -> web.Response:
        """Another agent or label; an agent that is null takes it away."""
        document, body = dict(self._document(request)), await read_object(request)
        label = field(body, "label", str)
        if label is not None:
            document["label"] = label
        if "agent_id" in body:
            document["agent_id"] = self._agent(field(body, "agent_id", str))
        self._account.phone_numbers.put(document["phone_number_id"], document)
        return web.json_response(self._shown(document))

    async def _delete(self, request: web.Request) -> web.Response:
        """Give a number back."""
        self._account.phone_numbers.remove(self._document(request)["phone_number_id"])
        return web.json_response({})
