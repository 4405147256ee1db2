import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ivr_bridge.cli import dial
from ivr_bridge.cli.main import main
from tests.cli.office_server import KEY, OfficeServer, office_server

CALLS, DIAL = "/api/v1/calls", "/api/v1/calls/dials/DL1"
WAITING = {"dial_id": "DL1", "state": "waiting", "flow": "main"}


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OfficeServer]:
    monkeypatch.setenv("IVR_BRIDGE_API_KEY", KEY)
    monkeypatch.setattr(dial, "POLL_S", 0.01)
    async with office_server() as server:
        server.says("POST", CALLS, WAITING, status=202)
        yield server


async def run(server: OfficeServer, *arguments: str) -> int:
    return await asyncio.to_thread(main, ["dial", *arguments, "--url", server.url])


def state(state: str, **more: Any) -> dict[str, Any]:
    return {**WAITING, "state": state, "over": state in ("done", "failed"), **more}


async def test_the_server_is_asked_to_call(server: OfficeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(server, "+15550101234", "--flow", "reminder", "--set", "name=Ann", "--machine") == 0
    body = {"to": "+15550101234", "flow": "reminder", "variables": {"name": "Ann"}, "machine_detection": True}
    assert server.asked == [("POST", CALLS, body)]
    assert server.keys == {f"Bearer {KEY}"}
    assert "DL1 waits for its turn" in capsys.readouterr().out


async def test_what_is_not_said_is_left_to_the_server(server: OfficeServer) -> None:
    await run(server, "+15550101234")
    assert server.asked == [("POST", CALLS, {"to": "+15550101234", "variables": {}})]


async def test_the_end_is_waited_for(server: OfficeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.says("GET", DIAL, state("unknown"), state("created"), state("answered"), state("done", answered_by="human"))
    assert await run(server, "+15550101234", "--wait") == 0
    told = [line.partition("DL1 ")[2] for line in capsys.readouterr().out.splitlines()]
    assert told == ["waits for its turn", "is being made", "rings", "is answered", "is over (human)"]


async def test_nobody_was_reached(server: OfficeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.says("GET", DIAL, state("failed", error="busy"))
    assert await run(server, "+15550101234", "--wait", "--json") == 1
    assert json.loads(capsys.readouterr().out)["error"] == "busy"


async def test_the_server_says_no(server: OfficeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.says("POST", CALLS, {"detail": "there is no such flow in config/flows"}, status=404)
    assert await run(server, "+15550101234", "--flow", "x") == 1
    assert capsys.readouterr().err == "ivr-bridge: there is no such flow in config/flows\n"


@pytest.mark.parametrize(
    "arguments", [["15550101234"], ["+0155501"], ["+15550101234", "--set", "Name=x"], ["+15550101234", "--set", "x"]]
)
async def test_usage(server: OfficeServer, arguments: list[str]) -> None:
    assert await run(server, *arguments) == 2
    assert server.asked == []


async def test_nobody_is_there(server: OfficeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.url = "http://127.0.0.1:9"
    assert await run(server, "+15550101234") == 3
    assert "nobody at http://127.0.0.1:9" in capsys.readouterr().err
