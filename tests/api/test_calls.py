from typing import Any

import pytest
from aiohttp import web

from ivr_bridge.api import calls
from ivr_bridge.api.door_keeper import door_keeper
from ivr_bridge.bridge.outbound_office import NO_NUMBER
from ivr_bridge.records.database import DatabaseFailed
from ivr_bridge.records.journal import JournalFull
from ivr_bridge.telemetry.log import Log

KEY = {"Authorization": "Bearer right"}
PERSON = "+15550101234"
LIVE = {"call_sid": "CA1", "direction": "outbound", "caller": "+...34"}


class FakeKeys:
    def verify(self, key: str) -> bool:
        return key == "right"


class FakeDials:
    def __init__(self) -> None:
        self.hindrance: str | None = None
        self.asked: list[Any] = []
        self.error: Exception | None = None

    def flow(self, name: str | None) -> str | None:
        return {"reminder": "reminder", None: "main"}.get(name)

    async def dial(self, to: str, flow: str, variables: Any, machine_detection: bool | None) -> str:
        if self.error:
            raise self.error
        self.asked.append((to, flow, variables, machine_detection))
        return "DL1"

    async def look_up(self, dial_id: str) -> Any:
        if self.error:
            raise self.error
        return {"dial_id": "DL1", "state": "created"} if dial_id == "DL1" else None


@pytest.fixture
def dials() -> FakeDials:
    return FakeDials()


@pytest.fixture
async def client(aiohttp_client: Any, dials: FakeDials) -> Any:
    app = web.Application(middlewares=[door_keeper(FakeKeys(), Log())])
    calls.add_routes(app, dials, lambda: [LIVE])
    return await aiohttp_client(app)


async def test_a_call_is_taken_on(client: Any, dials: FakeDials) -> None:
    body = {"to": PERSON, "flow": "reminder", "variables": {"name": "Ann"}, "machine_detection": True}
    got = await client.post("/api/v1/calls", json=body, headers=KEY)
    assert (got.status, got.headers["Location"]) == (202, "/api/v1/calls/dials/DL1")
    assert await got.json() == {"dial_id": "DL1", "state": "waiting", "flow": "reminder"}
    assert dials.asked == [(PERSON, "reminder", {"name": "Ann"}, True)]


async def test_a_flow_need_not_be_named(client: Any, dials: FakeDials) -> None:
    assert (await client.post("/api/v1/calls", json={"to": PERSON}, headers=KEY)).status == 202
    assert dials.asked == [(PERSON, "main", {}, None)]


@pytest.mark.parametrize(
    "body",
    [
        {"to": "15550101234"}, {"to": "+0155"}, {}, {"to": PERSON, "from": "+1555"}, [], "x",
        {"to": PERSON, "variables": {"Name": "x"}}, {"to": PERSON, "variables": {"n": "x" * 4001}},
        {"to": "sip:somebody@example"},
    ],
)  # fmt: skip
async def test_what_is_no_request_is_refused_and_not_repeated(client: Any, dials: FakeDials, body: Any) -> None:
    got = await client.post("/api/v1/calls", json=body, headers=KEY)
    assert got.status == 400
    assert PERSON not in await got.text()
    assert dials.asked == []


async def test_a_huge_body_is_refused(client: Any) -> None:
    assert (await client.post("/api/v1/calls", data=b"x" * 70_000, headers=KEY)).status == 413


async def test_an_unknown_flow(client: Any) -> None:
    got = await client.post("/api/v1/calls", json={"to": PERSON, "flow": "nowhere"}, headers=KEY)
    assert (got.status, (await got.json())["code"]) == (404, "unknown_flow")


async def test_a_server_that_cannot_call(client: Any, dials: FakeDials) -> None:
    dials.hindrance = NO_NUMBER
    got = await client.post("/api/v1/calls", json={"to": PERSON}, headers=KEY)
    assert (got.status, (await got.json())["code"]) == (503, "outbound_not_configured")
    dials.hindrance, dials.error = None, JournalFull("full")
    got = await client.post("/api/v1/calls", json={"to": PERSON}, headers=KEY)
    assert (got.status, (await got.json())["code"]) == (503, "journal_full")


async def test_what_became_of_it(client: Any, dials: FakeDials) -> None:
    got = await client.get("/api/v1/calls/dials/DL1", headers=KEY)
    assert (got.status, await got.json()) == (200, {"dial_id": "DL1", "state": "created"})
    assert (await client.get("/api/v1/calls/dials/DL2", headers=KEY)).status == 404
    assert (await client.get(f"/api/v1/calls/dials/{'D' * 99}", headers=KEY)).status == 404
    dials.error = DatabaseFailed("down")
    assert (await client.get("/api/v1/calls/dials/DL1", headers=KEY)).status == 503


async def test_calls_that_go_on(client: Any) -> None:
    assert await (await client.get("/api/v1/calls", headers=KEY)).json() == {"calls": [LIVE]}


@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("GET", ""), ("GET", "/dials/DL1")])
async def test_nobody_gets_in_without_a_key(client: Any, dials: FakeDials, method: str, path: str) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        got = await client.request(method, f"/api/v1/calls{path}", json={"to": PERSON}, headers=headers)
        assert got.status == 401
    got = await client.request(method, f"/api/v1/calls{path}?api_key=right", json={"to": PERSON}, headers=KEY)
    assert got.status == 400
    assert dials.asked == []
