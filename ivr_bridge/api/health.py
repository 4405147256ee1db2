"""Whether the server lives and whether it takes calls: for load balancers and operators, without a key."""

from collections.abc import Callable, Mapping

import orjson
from aiohttp import web

NOT_READY_STATES = frozenset({"down", "starting"})
"""States of a dependency without which no call can be taken. `degraded` is none: calls go on."""

Dependencies = Callable[[], Mapping[str, str]]


def add_routes(app: web.Application, *, dependencies: Dependencies, draining: Callable[[], bool]) -> None:
    """Add `GET /healthz` and `GET /readyz`.

    Args:
        app: gets the routes.
        dependencies: name and state of each, now; both short words, shown to anybody. It must not wait.
        draining: whether the server takes no new calls any more.
    """

    async def healthz(_request: web.Request) -> web.Response:
        """200 as soon as the server serves, and until it is gone."""
        return _json({"status": "ok"}, 200)

    async def readyz(_request: web.Request) -> web.Response:
        """200 `{"ready": true, "dependencies": {name: state}}`; 503 with `false` when no call can be taken."""
        states = dict(dependencies())
        ready = not draining() and NOT_READY_STATES.isdisjoint(states.values())
        return _json({"ready": ready, "dependencies": states}, 200 if ready else 503)

    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)


def _json(body: object, status: int) -> web.Response:
    return web.Response(
        body=orjson.dumps(body), status=status, content_type="application/json", headers={"Cache-Control": "no-store"}
    )
