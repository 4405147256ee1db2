"""Calls over HTTP: make one into a flow, see what became of it, see those that are going on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Protocol

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from ivr_bridge.api.problems import problem
from ivr_bridge.errors import BridgeError

PATH = "/api/v1/calls"
DIAL_PATH = "/api/v1/calls/dials/{dial_id}"
MAX_BODY_BYTES = 64 * 1024
DIAL_ID_CHARS = 64


class DialRequest(BaseModel):
    """The body of `POST /api/v1/calls`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    to: Annotated[str, StringConstraints(pattern=r"^\+[1-9][0-9]{6,14}$"), Field(description="E.164")]
    flow: Annotated[str, StringConstraints(max_length=60)] | None = None
    """None: the one in which a call to OUTBOUND_CALLER_ID begins."""
    variables: dict[
        Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,59}$")],
        Annotated[str, StringConstraints(max_length=4000)],
    ] = Field({}, max_length=50)
    """For the flow's templates."""
    machine_detection: bool | None = None
    """None: where the flow says what a machine gets."""


class Dials(Protocol):
    """Who makes calls."""

    @property
    def hindrance(self) -> str | None:
        """Why no call can be made; None when one can."""
        ...

    def flow(self, name: str | None) -> str | None:
        """The flow of that name, or of the caller ID; None when there is none."""
        ...

    async def dial(self, to: str, flow: str, variables: Mapping[str, str], machine_detection: bool | None) -> str:
        """Have somebody called; the dial's id, when it stands on the disk. Raises BridgeError."""
        ...

    async def look_up(self, dial_id: str) -> Mapping[str, Any] | None:
        """What has become of a dial. Raises BridgeError."""
        ...


def add_routes(app: web.Application, dials: Dials, live_calls: Callable[[], Sequence[Mapping[str, Any]]]) -> None:
    """Add `POST` and `GET /api/v1/calls`, and `GET /api/v1/calls/dials/{dial_id}`.

    Args:
        app: gets the routes.
        dials: makes calls.
        live_calls: those that go on now, for people to see.
    """

    async def dial(request: web.Request) -> web.Response:
        """202 `{"dial_id", "state"}` once it stands on the disk. 400, 404, 413, 503."""
        if (why := dials.hindrance) is not None:
            return problem(503, why, code="outbound_not_configured")
        body = await request.content.read(MAX_BODY_BYTES + 1)
        if len(body) > MAX_BODY_BYTES or not request.content.at_eof():
            return problem(413, f"at most {MAX_BODY_BYTES} bytes", code="huge_body")
        try:
            wanted = DialRequest.model_validate_json(body)
        except ValidationError as error:
            said = "; ".join(f"{'.'.join(map(str, each['loc'])) or 'body'}: {each['msg']}" for each in error.errors())
            return problem(400, said, code="invalid")
        flow = dials.flow(wanted.flow)
        if flow is None:
            return problem(404, "there is no such flow in config/flows", code="unknown_flow")
        try:
            dial_id = await dials.dial(wanted.to, flow, wanted.variables, wanted.machine_detection)
        except BridgeError as error:
            return problem(503, "it cannot be written down, so nobody is called; try again", code=error.code)
        location = DIAL_PATH.format(dial_id=dial_id)
        return _json({"dial_id": dial_id, "state": "waiting", "flow": flow}, 202, {"Location": location})

    async def look_up(request: web.Request) -> web.Response:
        """200 with its state: waiting, unknown, created, answered, done or failed. 404, 503."""
        dial_id = request.match_info["dial_id"]
        try:
            found = await dials.look_up(dial_id) if len(dial_id) <= DIAL_ID_CHARS else None
        except BridgeError as error:
            return problem(503, "the database does not answer; try again", code=error.code)
        return problem(404, "no such dial", code="unknown_dial") if found is None else _json(found, 200)

    async def live(_request: web.Request) -> web.Response:
        """200 `{"calls": [...]}`: those that go on now."""
        return _json({"calls": list(live_calls())}, 200)

    app.router.add_post(PATH, dial)
    app.router.add_get(PATH, live, allow_head=False)
    app.router.add_get(DIAL_PATH, look_up, allow_head=False)


def _json(body: object, status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(
        body=orjson.dumps(body),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )
