"""`ivr-bridge calls`: a list, one call, and nobody's number unless it is asked for."""

import asyncio
import json
from pathlib import Path

import pytest

from ivr_bridge.cli.main import main
from ivr_bridge.records.database import Database, database_url
from ivr_bridge.records.records import open_records
from ivr_bridge.telemetry.log import Log
from tests.support.recorded_calls import ANN, ANNS, BENS, fill

Out = pytest.CaptureFixture[str]


@pytest.fixture
def var(tmp_path: Path) -> Path:
    fill(tmp_path / "var")
    return tmp_path / "var"


def test_the_list(var: Path, capsys: Out) -> None:
    assert main(["calls"]) == 0
    head, ann, ben = capsys.readouterr().out.splitlines()
    assert head.split() == ["began", "call", "caller", "flow", "lasted", "ended", "as", "turns", "tools"]
    assert ann.split()[2:] == [ANNS, "+...01", "main", "61", "s", "caller_hung_up", "2", "1"]
    assert BENS in ben
    assert main(["calls", "--pii", "--limit", "1"]) == 0
    told = capsys.readouterr().out
    assert ANN in told
    assert BENS not in told


def test_the_list_for_machines(var: Path, capsys: Out) -> None:
    assert main(["calls", "--json", "--since", "12h", "--var", str(var)]) == 0
    text = capsys.readouterr().out
    [call] = json.loads(text)["calls"]
    assert (call["call_sid"], call["turns"], call["tools"], call["duration_s"]) == (ANNS, 2, 1, 61.0)
    assert ANN not in text
    assert main(["calls", "--json", "--caller", ANN, "--pii"]) == 0
    [call] = json.loads(capsys.readouterr().out)["calls"]
    assert call["caller"] == ANN


def test_one_call(var: Path, capsys: Out) -> None:
    assert main(["calls", ANNS, "--pii"]) == 0
    told = capsys.readouterr().out
    for part in (ANN, "This is Ann", "book", "retry", "busy", "Ann wants a table", "waiting", "caller_hung_up"):
        assert part in told, part
    assert "Ben" not in told
    assert main(["calls", ANNS, "--json"]) == 0
    text = capsys.readouterr().out
    assert json.loads(text)["turns"][1]["speaker"] == "caller"
    for part in (ANN, "This is Ann", "wants a table"):
        assert part not in text, part


def test_no_such_call_and_no_calls_at_all(var: Path, tmp_path: Path, capsys: Out) -> None:
    assert main(["calls", "CA0"]) == 1
    assert "no call CA0" in capsys.readouterr().err
    empty = tmp_path / "empty"
    assert main(["calls", "--var", str(empty)]) == 0
    assert capsys.readouterr().out == "no calls\n"
    assert main(["calls", "CA0", "--var", str(empty)]) == 1
    assert not empty.exists(), "a look makes nothing"


def test_what_cannot_be_meant(var: Path, capsys: Out) -> None:
    assert main(["calls", "--limit", "0"]) == 2
    assert "--limit" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["calls", "--since", "soon"])
    assert ended.value.code == 2


def test_a_database_that_is_away(var: Path, capsys: Out, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://u:secret@127.0.0.1:9/n")
    assert main(["calls"]) == 1
    told = capsys.readouterr()
    assert "127.0.0.1:9" in told.err
    assert "secret" not in told.err + told.out


def test_beside_a_server_that_writes(var: Path, capsys: Out) -> None:
    async def serve() -> None:
        records = await open_records(Database(database_url(None, var)), var, Log())
        records.start()
        records.put("calls", call_sid="CA7", caller=ANN)
        await records.settled()
        assert await asyncio.to_thread(main, ["calls", "--json"]) == 0
        await records.close()

    asyncio.run(serve())
    assert len(json.loads(capsys.readouterr().out)["calls"]) == 3
