"""The REST API of tools: create, list, get, change, delete, and who uses one."""

from typing import Any

from aiohttp import web

from ivr_bridge.simulator.service.account import ACCESS, Account, new_id
from ivr_bridge.simulator.service.agent_document import dependents, release
from ivr_bridge.simulator.service.paging import Row, is_on, one_page
from ivr_bridge.simulator.service.refusals import Invalid, field, found, in_use, read_object

_TYPES = ("webhook", "client", "system", "mcp")
_SECONDS = {"webhook": (5, 300, 20), "client": (1, 120, 20), "system": (1, 300, 20), "mcp": (5, 300, 30)}
"""Type -> the shortest and longest time limit, and the default."""
_USED = "tool_ids"
_CONFIG = "body.tool_config"
_LITERALS = ("string", "integer", "number", "boolean")
_SOURCES = ("description", "dynamic_variable", "constant_value", "is_system_provided", "is_omitted")
_SORTS = ("name", "created_at")


class ToolRest:
    """The handlers; `routes` lists them."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[web.RouteDef]:
        """Every route of tools."""
        return [
            web.post("/v1/convai/tools", self._create),
            web.get("/v1/convai/tools", self._list),
            web.get("/v1/convai/tools/{tool_id}", self._get),
            web.patch("/v1/convai/tools/{tool_id}", self._change),
            web.delete("/v1/convai/tools/{tool_id}", self._delete),
            web.get("/v1/convai/tools/{tool_id}/dependent-agents", self._dependents),
        ]

    def _document(self, request: web.Request) -> dict[str, Any]:
        return found(self._account.tools.get(request.match_info["tool_id"]), "tool")

    async def _create(self, request: web.Request) -> web.Response:
        """A new tool; two may have one name."""
        document: dict[str, Any] = {
            "id": new_id("tool"),
            "tool_config": check_tool(await read_object(request)),
            "access_info": ACCESS,
            "usage_stats": {"total_calls": 0, "avg_latency_secs": 0.0},
        }
        self._account.tools.put(document["id"], document)
        return web.json_response(document)

    async def _list(self, request: web.Request) -> web.Response:
        """One page; the newest first."""
        query = request.query
        sort_by = query.get("sort_by", "created_at")
        if sort_by not in _SORTS:
            raise Invalid("query.sort_by", f"Input should be {' or '.join(map(repr, _SORTS))}", "enum")
        search, types = query.get("search", "").lower(), query.getall("types", [])
        rows: list[Row] = []
        for entry in self._account.tools.entries():
            config = entry.document["tool_config"]
            if config["name"].lower().startswith(search) and (not types or config["type"] in types):
                rows.append((config["name"].lower() if sort_by == "name" else 0, entry.order, entry.document))
        page, cursor = one_page(rows, query)
        return web.json_response({"tools": page, "next_cursor": cursor, "has_more": cursor is not None})

    async def _get(self, request: web.Request) -> web.Response:
        """One tool."""
        return web.json_response(self._document(request))

    async def _change(self, request: web.Request) -> web.Response:
        """Another configuration in the place of the old one."""
        document = {**self._document(request), "tool_config": check_tool(await read_object(request))}
        self._account.tools.put(document["id"], document)
        return web.json_response(document)

    async def _delete(self, request: web.Request) -> web.Response:
        """Forget a tool; one that agents use only with force, which takes it out of them."""
        tool_id = self._document(request)["id"]
        users = dependents(self._account, _USED, tool_id)
        if users and not is_on(request.query, "force"):
            raise in_use("tool", [user["id"] for user in users])
        release(self._account, _USED, tool_id)
        self._account.tools.remove(tool_id)
        return web.json_response({})

    async def _dependents(self, request: web.Request) -> web.Response:
        """The agents that use a tool."""
        users = dependents(self._account, _USED, self._document(request)["id"])
        page, cursor = one_page([(0, number, user) for number, user in enumerate(users)], request.query)
        return web.json_response(
            {"agents": page, "branches": [], "next_cursor": cursor, "has_more": cursor is not None}
        )


def check_tool(body: dict[str, Any]) -> dict[str, Any]:
    """The tool's configuration with its defaults.

    Raises:
        Invalid: a field is missing, of another type or out of range.
    """
    config: dict[str, Any] = field(body, "tool_config", dict, required=True)
    kind = config.get("type")
    if kind not in _TYPES:
        raise Invalid(f"{_CONFIG}.type", f"Input should be {' or '.join(map(repr, _TYPES))}", "union_tag_invalid")
    for name in ("name",) if kind == "system" else ("name", "description"):
        if name not in config:
            raise Invalid(f"{_CONFIG}.{kind}.{name}", "Field required", "missing")
        if not isinstance(config[name], str):
            raise Invalid(f"{_CONFIG}.{kind}.{name}", "Input should be a valid string", "string_type")
    needed = {"webhook": "api_schema", "system": "params"}.get(kind)
    if needed is not None and not isinstance(config.get(needed), dict):
        raise Invalid(f"{_CONFIG}.{kind}.{needed}", "Field required", "missing")
    shortest, longest, default = _SECONDS[kind]
    seconds = config.get("response_timeout_secs", default)
    if not isinstance(seconds, int) or not shortest <= seconds <= longest:
        where = f"{_CONFIG}.{kind}.response_timeout_secs"
        raise Invalid(where, f"Input should be {shortest} to {longest}", "less_than_equal")
    if kind == "client" and config.get("parameters") is not None:
        _check_schema(config["parameters"], f"{_CONFIG}.client.parameters")
    defaults: dict[str, Any] = {
        "description": "",
        "response_timeout_secs": seconds,
        "disable_interruptions": False,
        "pre_tool_speech": "auto",
        "assignments": [],
        "dynamic_variables": {"dynamic_variable_placeholders": {}},
        "execution_mode": "immediate",
    }
    if kind == "client":
        defaults |= {"expects_response": False, "parameters": None}
    return {**defaults, **config}


def _check_schema(schema: Any, where: str) -> None:
    """An object's schema: the vendor knows literals, objects and arrays, and where each literal's value comes from."""
    if not isinstance(schema, dict):
        raise Invalid(where, "Input should be a valid dictionary", "dict_type")
    kind = schema.get("type", "object")
    if kind == "object":
        for name, part in (schema.get("properties") or {}).items():
            _check_schema(part, f"{where}.properties.{name}")
    elif kind == "array":
        _check_schema(schema.get("items"), f"{where}.items")
    elif kind not in _LITERALS:
        raise Invalid(f"{where}.type", f"Input should be {' or '.join(map(repr, _LITERALS))}", "enum")
    elif sum(bool(schema.get(source)) for source in _SOURCES) != 1 and schema.get("constant_value") is None:
        raise Invalid(where, f"Value error, Must set one of: {', '.join(_SOURCES)}", "value_error")
