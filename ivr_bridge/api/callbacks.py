"""Callers who wait to be called back, over HTTP: listed, cancelled, called now."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import orjson
from aiohttp import web

from ivr_bridge.api.problems import problem
from ivr_bridge.errors import BridgeError

PATH = "/api/v1/callbacks"
ONE_PATH = "/api/v1/callbacks/{callback_id}"
STATES = ("waiting", "dialling", "done", "failed", "cancelled")
ID_CHARS = 64


class WaitingCallers(Protocol):
    """What `Callbacks` does here. Each raises a BridgeError when the database does not answer."""

    async def listed(self, state: str | None = None, most: int = 100) -> Sequence[Mapping[str, Any]]:
        """The newest first."""
        ...

    async def cancel(self, callback_id: str) -> str | None:
        """Take one back; its state then, None when there is none."""
        ...

    async def call_now(self, callback_id: str) -> str | None:
        """Have one called next; its state then, None when there is none."""
        ...


def add_routes(app: web.Application, callbacks: WaitingCallers) -> None:
    """Add `GET /api/v1/callbacks`, `DELETE /api/v1/callbacks/{id}` and `POST /api/v1/callbacks/{id}/call`."""

    async def listed(request: web.Request) -> web.Response:
        """200 `{"callbacks": [...]}`, the newest first; `?state=waiting` leaves only those. 400, 503."""
        state = request.query.get("state")
        if state is not None and state not in STATES:
            return problem(400, f"state: one of {', '.join(STATES)}", code="invalid")
        try:
            rows = await callbacks.listed(state)
        except BridgeError as error:
            return problem(503, "the database does not answer; try again", code=error.code)
        return _json({"callbacks": [dict(row) for row in rows]})

    async def cancel(request: web.Request) -> web.Response:
        """200 `{"id", "state": "cancelled"}`. 404; 409 when it does not wait any more; 503."""
        return await changed(request, callbacks.cancel, "cancelled")

    async def call_now(request: web.Request) -> web.Response:
        """200 `{"id", "state": "waiting"}`: it is called next. 404; 409 when it is called already; 503."""
        return await changed(request, callbacks.call_now, "waiting")

    async def changed(request: web.Request, change: Any, wanted: str) -> web.Response:
        callback_id = request.match_info["callback_id"]
        try:
            state = await change(callback_id) if len(callback_id) <= ID_CHARS else None
        except BridgeError as error:
            return problem(503, "the database does not answer; try again", code=error.code)
        if state is None:
            return problem(404, "no such callback", code="unknown_callback")
        if state != wanted:
            return problem(409, f"it is {state} already", code=state)
        return _json({"id": callback_id, "state": state})

    app.router.add_get(PATH, listed, allow_head=False)
    app.router.add_delete(ONE_PATH, cancel)
    app.router.add_post(f"{ONE_PATH}/call", call_now)


def _json(body: object) -> web.Response:
    return web.Response(body=orjson.dumps(body), content_type="application/json", headers={"Cache-Control": "no-store"})
