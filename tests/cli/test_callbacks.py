import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from ivr_bridge.cli.main import main
from tests.cli.office_server import KEY, OfficeServer, office_server

PATH = "/api/v1/callbacks"
ROW = {
    "id": "CA1", "number": "+15550101234", "flow": "main", "state": "waiting", "attempts": 1,
    "asked_at": "2026-11-23T10:00:12+00:00", "last_at": None, "last_error": "busy",
}  # fmt: skip


@pytest.fixture
async def server(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[OfficeServer]:
    monkeypatch.setenv("IVR_BRIDGE_API_KEY", KEY)
    async with office_server() as server:
        server.says("GET", PATH, {"callbacks": [ROW]})
        yield server


async def run(server: OfficeServer, *arguments: str) -> int:
    return await asyncio.to_thread(main, ["callbacks", *arguments, "--url", server.url])


async def test_they_are_listed_with_masked_numbers(server: OfficeServer, capsys: pytest.CaptureFixture[str]) -> None:
    assert await run(server, "list", "--state", "waiting") == 0
    assert server.asked == [("GET", f"{PATH}?state=waiting", None)]
    shown = capsys.readouterr().out
    assert "2026-11-23 10:00" in shown
    assert "CA1  +...34  main  waiting  1" in " ".join(shown.split(" " * 1)).replace("   ", "  ")
    assert ROW["number"] not in shown


async def test_whole_numbers_are_shown_to_whoever_wants_them(
    server: OfficeServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await run(server, "list", "--pii", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"callbacks": [ROW]}


async def test_nobody_waits(server: OfficeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.says("GET", PATH, {"callbacks": []})
    assert await run(server, "list") == 0
    assert capsys.readouterr().out == "nobody waits\n"


async def test_one_is_cancelled_and_one_is_called(server: OfficeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.says("DELETE", f"{PATH}/CA1", {"id": "CA1", "state": "cancelled"})
    server.says("POST", f"{PATH}/CA2/call", {"id": "CA2", "state": "waiting"})
    assert await run(server, "cancel", "CA1") == 0
    assert await run(server, "call", "CA2", "--json") == 0
    first, _, rest = capsys.readouterr().out.partition("\n")
    assert first == "CA1 is not called back"
    assert json.loads(rest) == {"id": "CA2", "state": "waiting"}


async def test_the_server_says_no(server: OfficeServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.says("DELETE", f"{PATH}/CA1", {"detail": "it is dialling already"}, status=409)
    assert await run(server, "cancel", "CA1") == 1
    assert "it is dialling already" in capsys.readouterr().err


async def test_nobody_is_there(server: OfficeServer) -> None:
    server.url = "http://127.0.0.1:9"
    assert await run(server, "list") == 3
