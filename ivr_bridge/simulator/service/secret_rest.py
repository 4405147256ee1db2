"""The REST API of secrets: their values are kept and never shown."""

from typing import Any

from aiohttp import web

from ivr_bridge.simulator.service.account import Account, new_id
from ivr_bridge.simulator.service.paging import one_page
from ivr_bridge.simulator.service.refusals import Invalid, field, found, in_use, read_object

_PATH = "/v1/convai/secrets"


class SecretRest:
    """The handlers; `routes` lists them."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[web.RouteDef]:
        """Every route of secrets."""
        one = f"{_PATH}/{{secret_id}}"
        return [
            web.post(_PATH, self._create),
            web.get(_PATH, self._list),
            web.get(one, self._get),
            web.patch(one, self._change),
            web.delete(one, self._delete),
        ]

    def _document(self, request: web.Request) -> dict[str, Any]:
        return found(self._account.secrets.get(request.match_info["secret_id"]), "secret")

    async def _create(self, request: web.Request) -> web.Response:
        """A new secret."""
        return self._put(new_id("secret"), await read_object(request), "new")

    def _put(self, key: str, body: dict[str, Any], kind: str) -> web.Response:
        """Keep a name and a value."""
        if field(body, "type", str, required=True) != kind:
            raise Invalid("body.type", f"Input should be '{kind}'", "literal_error")
        name, value = field(body, "name", str, required=True), field(body, "value", str, required=True)
        document = {"type": "stored", "secret_id": key, "name": name}
        self._account.secrets.put(key, document, {"value": value})
        return web.json_response(document)

    def _shown(self, document: dict[str, Any]) -> dict[str, Any]:
        """With what uses it: tools that name it."""
        users = [
            {
                "type": "available",
                "id": tool["id"],
                "name": tool["tool_config"]["name"],
                "created_at_unix_secs": 0,
                "access_level": "admin",
            }
            for tool in self._account.tools.documents()
            if f"'secret_id': '{document['secret_id']}'" in str(tool["tool_config"])
        ]
        return {**document, "used_by": {"tools": users, "agents": [], "phone_numbers": [], "others": []}}

    async def _list(self, request: web.Request) -> web.Response:
        """One page, the newest first."""
        search = request.query.get("search", "").lower()
        entries = self._account.secrets.entries()
        rows = [(0, entry.order, self._shown(entry.document)) for entry in entries]
        page, cursor = one_page([row for row in rows if search in row[2]["name"].lower()], request.query)
        return web.json_response({"secrets": page, "next_cursor": cursor})

    async def _get(self, request: web.Request) -> web.Response:
        """One secret without its value."""
        return web.json_response(self._shown(self._document(request)))

    async def _change(self, request: web.Request) -> web.Response:
        """Another name and value."""
        return self._put(self._document(request)["secret_id"], await read_object(request), "update")

    async def _delete(self, request: web.Request) -> web.Response:
        """Forget a secret that no tool uses."""
        document = self._document(request)
        users = self._shown(document)["used_by"]["tools"]
        if users:
            raise in_use("secret", [user["id"] for user in users])
        self._account.secrets.remove(document["secret_id"])
        return web.Response(status=204)
