from datetime import UTC, datetime
from typing import Any

import pytest
from aiohttp import web

from ivr_bridge.api import callbacks
from ivr_bridge.api.door_keeper import door_keeper
from ivr_bridge.records.database import DatabaseFailed
from ivr_bridge.telemetry.log import Log
from tests.api.test_calls import KEY, FakeKeys

PATH = "/api/v1/callbacks"


class FakeCallbacks:
    def __init__(self) -> None:
        self.states: dict[str, str] = {"CA1": "waiting", "CA2": "dialling"}
        self.error: Exception | None = None

    def _state(self, callback_id: str, wanted: str) -> str | None:
        if self.error:
            raise self.error
        if self.states.get(callback_id) == "waiting":
            self.states[callback_id] = wanted
        return self.states.get(callback_id)

    async def listed(self, state: str | None = None, most: int = 100) -> list[dict[str, Any]]:
        if self.error:
            raise self.error
        at = datetime(2026, 11, 23, tzinfo=UTC)
        return [
            {"id": key, "state": each, "asked_at": at} for key, each in self.states.items() if state in (None, each)
        ]

    async def cancel(self, callback_id: str) -> str | None:
        return self._state(callback_id, "cancelled")

    async def call_now(self, callback_id: str) -> str | None:
        return self._state(callback_id, "waiting")


@pytest.fixture
def fake() -> FakeCallbacks:
    return FakeCallbacks()


@pytest.fixture
async def client(aiohttp_client: Any, fake: FakeCallbacks) -> Any:
    app = web.Application(middlewares=[door_keeper(FakeKeys(), Log())])
    callbacks.add_routes(app, fake)
    return await aiohttp_client(app)


async def test_they_are_listed(client: Any) -> None:
    got = await client.get(PATH, headers=KEY)
    assert [row["id"] for row in (await got.json())["callbacks"]] == ["CA1", "CA2"]
    got = await client.get(f"{PATH}?state=dialling", headers=KEY)
    [row] = (await got.json())["callbacks"]
    assert (row["id"], row["asked_at"]) == ("CA2", "2026-11-23T00:00:00+00:00")
    assert (await client.get(f"{PATH}?state=gone", headers=KEY)).status == 400


async def test_one_is_cancelled(client: Any, fake: FakeCallbacks) -> None:
    got = await client.delete(f"{PATH}/CA1", headers=KEY)
    assert (got.status, await got.json()) == (200, {"id": "CA1", "state": "cancelled"})
    got = await client.delete(f"{PATH}/CA2", headers=KEY)
    assert (got.status, (await got.json())["code"]) == (409, "dialling")
    assert (await client.delete(f"{PATH}/CA3", headers=KEY)).status == 404
    assert (await client.delete(f"{PATH}/{'C' * 65}", headers=KEY)).status == 404


async def test_one_is_called_now(client: Any) -> None:
    assert (await client.post(f"{PATH}/CA1/call", headers=KEY)).status == 200
    assert (await client.post(f"{PATH}/CA2/call", headers=KEY)).status == 409


async def test_the_database_is_away(client: Any, fake: FakeCallbacks) -> None:
    fake.error = DatabaseFailed("down")
    assert (await client.get(PATH, headers=KEY)).status == 503
    assert (await client.delete(f"{PATH}/CA1", headers=KEY)).status == 503


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("DELETE", "/CA1"), ("POST", "/CA1/call")])
async def test_nobody_gets_in_without_a_key(client: Any, fake: FakeCallbacks, method: str, path: str) -> None:
    assert (await client.request(method, PATH + path)).status == 401
    assert fake.states["CA1"] == "waiting"
