"""The index of a knowledge document: asked for, making progress by being asked about, done.

Each look takes an index one step on (0, 50, 100 %), so that a test decides how long it takes; a document below 500
bytes is too small for one.
"""

from collections import Counter
from typing import Any

from aiohttp import web

from ivr_bridge.simulator.service.account import Account, new_id
from ivr_bridge.simulator.service.agent_rest import no_such
from ivr_bridge.simulator.service.refusals import Invalid, field, not_found, read_object

_MODELS = ("e5_mistral_7b_instruct", "multilingual_e5_large_instruct")
_SMALLEST_BYTES = 500
_STEPS = 2
_MOST_BYTES = 10_000_000
_MOST_ITEMS = 100


class RagIndexRest:
    """The handlers; `routes` lists them."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def routes(self) -> list[web.RouteDef]:
        """Every route of indexes."""
        one = "/v1/convai/knowledge-base/{documentation_id}/rag-index"
        return [
            web.get("/v1/convai/knowledge-base/rag-index", self._overview),
            web.post("/v1/convai/knowledge-base/rag-index", self._batch),
            web.post(one, self._index),
            web.get(one, self._list),
            web.delete(f"{one}/{{rag_index_id}}", self._delete),
        ]

    async def _index(self, request: web.Request) -> web.Response:
        """Begin an index, or tell how far it is."""
        body = await read_object(request)
        return web.json_response(self._look(self._key(request), _model(body, "body.model"), creates=True))

    async def _list(self, request: web.Request) -> web.Response:
        """All indexes of a document."""
        key = self._key(request)
        return web.json_response({"indexes": [self._look(key, model, creates=False) for model in self._indexes(key)]})

    async def _delete(self, request: web.Request) -> web.Response:
        """Forget one."""
        key, index_id = self._key(request), request.match_info["rag_index_id"]
        for model, index in self._indexes(key).items():
            if index["id"] == index_id:
                self._keep(key, {name: kept for name, kept in self._indexes(key).items() if name != model})
                return web.json_response(self._shown(key, model, index))
        raise not_found("rag_index")

    async def _overview(self, _request: web.Request) -> web.Response:
        """How much is indexed."""
        used: Counter[str] = Counter()
        for key in self._account.knowledge:
            for model, index in self._indexes(key).items():
                used[model] += self._shown(key, model, index)["document_model_index_usage"]["used_bytes"]
        models = [{"model": model, "used_bytes": count} for model, count in used.items()]
        return web.json_response({"total_used_bytes": used.total(), "total_max_bytes": _MOST_BYTES, "models": models})

    async def _batch(self, request: web.Request) -> web.Response:
        """Several at once; each has an answer of its own."""
        body = await read_object(request)
        items = field(body, "items", list, required=True)
        if not 1 <= len(items) <= _MOST_ITEMS:
            raise Invalid("body.items", f"List should have 1 to {_MOST_ITEMS} items", "too_long")
        answer: dict[str, Any] = {}
        for item in items:
            if not isinstance(item, dict):
                raise Invalid("body.items", "Input should be a valid dictionary", "dict_type")
            key = field(item, "document_id", str, required=True)
            model = _model(item, "body.items.model")
            creates = bool(field(item, "create_if_missing", bool, required=True))
            if key not in self._account.knowledge:
                answer[key] = no_such("document")
            elif not creates and model not in self._indexes(key):
                answer[key] = no_such("rag_index")
            else:
                answer[key] = {"status": "success", "data": self._look(key, model, creates=creates)}
        return web.json_response(answer)

    def _key(self, request: web.Request) -> str:
        key = request.match_info["documentation_id"]
        if key not in self._account.knowledge:
            raise not_found("document")
        return key

    def _indexes(self, key: str) -> dict[str, dict[str, Any]]:
        """Model -> `id` and `steps` done."""
        found: dict[str, dict[str, Any]] = self._account.knowledge.hidden(key).get("indexes", {})
        return found

    def _keep(self, key: str, indexes: dict[str, dict[str, Any]]) -> None:
        document = self._account.knowledge.get(key)
        if document is not None:
            self._account.knowledge.put(key, document, {**self._account.knowledge.hidden(key), "indexes": indexes})

    def _look(self, key: str, model: str, *, creates: bool) -> dict[str, Any]:
        """One step on, then what there is."""
        indexes = self._indexes(key)
        index = indexes.get(model)
        if index is None and creates:
            index = {"id": new_id("rag"), "steps": 0}
        elif index is not None:
            index = {**index, "steps": min(index["steps"] + 1, _STEPS)}
        if index is None:
            raise not_found("rag_index")
        self._keep(key, {**indexes, model: index})
        return self._shown(key, model, index)

    def _shown(self, key: str, model: str, index: dict[str, Any]) -> dict[str, Any]:
        """An index in the vendor's shape."""
        size_bytes = int((self._account.knowledge.get(key) or {})["metadata"]["size_bytes"])
        steps = index["steps"]
        status = ("created", "processing", "succeeded")[steps]
        percentage = 100.0 * steps / _STEPS
        if size_bytes < _SMALLEST_BYTES:
            status, percentage, size_bytes = "document_too_small", 0.0, 0
        return {
            "id": index["id"],
            "model": model,
            "status": status,
            "progress_percentage": percentage,
            "document_model_index_usage": {"used_bytes": size_bytes if status == "succeeded" else 0},
        }


def _model(body: dict[str, Any], where: str) -> str:
    model = field(body, "model", str, required=True)
    if model not in _MODELS:
        raise Invalid(where, f"Input should be {' or '.join(map(repr, _MODELS))}", "enum")
    return str(model)
