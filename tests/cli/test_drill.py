import argparse
import json
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from ivr_bridge.cli import drill, drill_call, drill_house
from ivr_bridge.cli.drill import DRILLS
from ivr_bridge.errors import BridgeError, ConfigError
from ivr_bridge.simulator.phone.call_note import CallNote
from ivr_bridge.simulator.phone.report import CallReport
from ivr_bridge.simulator.service.faults import FAULTS
from tests.cli.fake_server import ENDED
from tests.simulator.phone.test_silence import heard

RUNG = {"rung": "menu", "cause": "lost", "number": 1, "ms_since_failure": 0.0}


def drilled(*arguments: str) -> int:
    """The exit code of `ivr-bridge drill`."""
    parser = argparse.ArgumentParser()
    drill.add_parser(parser.add_subparsers())
    parsed = parser.parse_args(["drill", *arguments])
    return int(parsed.run(parsed))


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The faults asked for; the call is one that the test has set in `CALL`."""
    asked: list[str | None] = []

    @asynccontextmanager
    async def house(_config_dir: Path):
        async def break_agent(fault: str | None) -> None:
            asked.append(fault)

        yield SimpleNamespace(break_agent=break_agent)

    monkeypatch.setattr(drill_house, "drill_house", house)
    config = Path("config")
    config.mkdir()
    (config / "bridge.yaml").write_text("language: en\n")
    return asked


def pretend(monkeypatch: pytest.MonkeyPatch, *sounds_ms: tuple[int, int]) -> list[str | None]:
    numbers: list[str | None] = []
    right = heard(*sounds_ms, length_ms=9000)
    report = CallReport("CA1", "completed", "caller_hung_up", caller_pcm16=bytes(len(right)), heard_pcm16=right)
    greeted, ended = CallNote(100, "greeting.played"), CallNote(9000, "call.ended", ENDED)
    notes = (greeted, CallNote(4000, "rung.climbed", RUNG), ended)

    async def place(_house: object, show: object, *, called: str | None) -> drill_call.DrillCall:
        numbers.append(called)
        show(100.0, "agent", "[b]Hello[/b]")
        return drill_call.DrillCall(report, notes, is_answered=False)

    monkeypatch.setattr(drill_call, "place_drill_call", place)
    return numbers


def test_every_drill_is_a_fault_that_the_sandbox_has():
    assert list(DRILLS) == ["outage", "slow", "half-open", "drop", "quota", "refused"]
    assert {one.fault for one in DRILLS.values()} - {None} <= FAULTS.keys()


def test_json_is_one_object_and_the_exit_code_the_verdict(broken, monkeypatch, capsys):
    numbers = pretend(monkeypatch, (0, 4100), (5000, 9000))
    assert drilled("half-open", "--json", "--to", "+15550100777") == 0
    printed, complaints = capsys.readouterr()
    assert (complaints, printed.count("\n")) == ("", 1)
    account = json.loads(printed)
    assert account.keys() == {"drill", "ok", "longest_silence_ms", "steps", "ended"}
    assert (account["drill"], account["ok"], account["longest_silence_ms"]) == ("half-open", True, 900)
    assert account["steps"][0] == {"at_ms": 0, "rung": None, "heard": "tone (greeting)"}
    assert account["ended"] == "completed (agent_hung_up)"
    assert (broken, numbers) == (["half_open"], ["+15550100777"])
    pretend(monkeypatch, (0, 4100), (6500, 9000))
    assert drilled("outage", "--json") == 1
    assert json.loads(capsys.readouterr().out)["longest_silence_ms"] == 2400
    assert broken == ["half_open", None]


def test_for_people_every_second_stands_there(broken, monkeypatch, capsys, tmp_path):
    pretend(monkeypatch, (0, 4100), (5000, 9000))
    out = tmp_path / "drill.wav"
    assert drilled("drop", "--out", str(out)) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert "[b]Hello[/b]" in printed
    table = lines[lines.index(next(line for line in lines if "the caller hears" in line)) + 1 :][:9]
    assert [line.split()[0] for line in table] == [str(second) for second in range(9)]
    assert table[4].split()[1:] == ["menu", "-15", "tone", "(greeting)"]
    assert "held   longest silence 900 ms   rungs: menu (lost, 4.0 s)   ended: completed (agent_hung_up)" in printed
    assert out.read_bytes()[:4] == b"RIFF"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["drop"], "bridge.yaml is not there"), (["drop", "--config", "."], "bridge.yaml is not there")],
)
def test_without_a_config_there_is_nothing_to_drill(arguments, words):
    with pytest.raises(ConfigError, match=words):
        drilled(*arguments)


def test_where_nothing_can_be_written(broken):
    with pytest.raises(ConfigError, match="no directory nowhere"):
        drilled("drop", "--out", "nowhere/a.wav")
    assert broken == []


@pytest.mark.parametrize("arguments", [[], ["flood"], ["drop", "--to", "sales"], ["drop", "--fly"]])
def test_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        drilled(*arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().out == ""


def test_a_house_that_does_not_start(broken, monkeypatch):
    @asynccontextmanager
    async def house(_config_dir: Path):
        raise BridgeError("sandbox: did not start")
        yield

    monkeypatch.setattr(drill_house, "drill_house", house)
    with pytest.raises(BridgeError, match="did not start"):
        drilled("drop")
