import json
import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.cli import doctor
from ivr_bridge.cli.main import INTERRUPTED, USAGE, main
from ivr_bridge.doctor.checklist import CHECKS
from ivr_bridge.doctor.examination import Check
from ivr_bridge.doctor.finding import Finding, NotAsked, fine, wrong
from ivr_bridge.doctor.surroundings import Surroundings
from ivr_bridge.settings import Settings
from tests.support.server_process import COMMAND, clean_env, wait_until

SHIPPED = Path(__file__).parent.parent.parent / "config"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("FALLBACK_NUMBER", "+15550100")
    return tmp_path


def saying(finding: Finding) -> Any:
    async def ask(_around: Surroundings) -> Finding:
        if finding.ok is None:
            raise NotAsked(finding.found, finding.remedy)
        return finding

    return ask


def make(monkeypatch: pytest.MonkeyPatch, **findings: Finding) -> None:
    """Let the examination be of these checks only."""
    checks = tuple(Check(name, saying(finding), "") for name, finding in findings.items())
    monkeypatch.setattr(doctor, "CHECKS", checks)


def test_on_a_machine_where_nothing_is_set_nothing_fails(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], unused_tcp_port: int
):
    monkeypatch.setenv("PORT", str(unused_tcp_port))
    assert main(["doctor", "--json"]) == 0
    printed, _ = capsys.readouterr()
    outcomes = json.loads(printed)
    assert [outcome["check"] for outcome in outcomes] == [check.name for check in CHECKS]
    for outcome in outcomes:
        assert list(outcome) == ["check", "ok", "found", "remedy"]
        assert outcome["found"]
        assert outcome["remedy"] or outcome["ok"]
    oks = {outcome["check"]: outcome["ok"] for outcome in outcomes}
    assert {name for name, ok in oks.items() if ok} == {"settings", "config", "disk", "store"}
    assert {name for name, ok in oks.items() if ok is False} == set()


def test_a_failure_is_exit_code_1_and_told_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    make(
        monkeypatch,
        disk=fine("writable"),
        clock=wrong("we are late", "set the clock"),
        store=fine("far", "bring it nearer"),
        agent=Finding(None, "no key", "set a key"),
        voices=Finding(None, "no key", "set a key"),
    )
    assert main(["doctor"]) == 1
    printed = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in printed.splitlines() if line.strip()]
    assert lines[1:] == [
        "disk ok writable",
        "clock FAILED we are late",
        "-> set the clock",
        "store warning far",
        "-> bring it nearer",
        "not asked: agent, voices",
        "no key",
        "-> set a key",
        "1 ok, 1 warning, 1 failed, 2 not asked",
    ]
    assert main(["doctor", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)[1] == {
        "check": "clock",
        "ok": False,
        "found": "we are late",
        "remedy": "set the clock",
    }


def test_words_that_look_like_markup_are_shown_as_they_are(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    make(monkeypatch, a=wrong("[bold]x[/] :smile:", "[red]"))
    assert main(["doctor"]) == 1
    assert "[bold]x[/] :smile:" in capsys.readouterr().out


def test_a_long_id_is_told_whole_on_a_narrow_terminal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("COLUMNS", "40")
    make(monkeypatch, agent=fine(f"desk (agent_{'0123456789' * 4}), found", "twice"), voices=fine("x", "y"))
    assert main(["doctor"]) == 0
    printed = capsys.readouterr().out
    assert all(len(line) <= 40 for line in printed.splitlines())
    assert f"(agent_{'0123456789' * 4}),found" in "".join(line[17:] for line in printed.splitlines()).replace(" ", "")
    assert "2 warnings" in printed


def test_settings_that_cannot_be_read_are_a_failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("PORT", "many")
    assert main(["doctor", "--json"]) == 1
    outcomes = json.loads(capsys.readouterr().out)
    assert (outcomes[0]["check"], outcomes[0]["ok"]) == ("settings", False)
    assert "PORT" in outcomes[0]["found"]
    assert len(outcomes) == len(CHECKS)


@pytest.mark.parametrize("url", ["bridge.example", "ftp://x", "https://", "http://x:y", "https://x/?a=b"])
def test_a_url_that_is_none_is_usage(url: str, capsys: pytest.CaptureFixture[str]):
    assert main(["doctor", "--url", url]) == USAGE
    assert "--url" in capsys.readouterr().err


def test_what_an_operators_module_prints_is_no_part_of_the_answer(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.syspath_prepend(str(here))
    (here / "talkative_tools.py").write_text(
        "from ivr_bridge.tools.registry import tool\nprint('hello from the module')\n\n\n"
        "@tool\ndef hello() -> str:\n    '''Say hello.'''\n    return 'hello'\n"
    )
    bridge = here / "config" / "bridge.yaml"
    bridge.write_text(bridge.read_text().replace("ivr_bridge.tools.demo", "talkative_tools"))
    (here / "config" / "agents").is_dir() and shutil.rmtree(here / "config" / "agents")
    assert main(["doctor", "--json"]) == 0
    printed, complaints = capsys.readouterr()
    assert isinstance(json.loads(printed), list)
    assert "hello from the module" in complaints


def test_ctrl_c_while_the_outside_hangs_is_130_and_leaves_nobody(here: Path):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        env = clean_env(ELEVENLABS_API_KEY="k", ELEVENLABS_BASE_URL=f"http://127.0.0.1:{port}", PORT="1")
        process = subprocess.Popen(
            [*COMMAND, "doctor"], cwd=here, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            silent.settimeout(30)
            connection, _ = silent.accept()
            os.kill(process.pid, signal.SIGINT)
            wait_until(lambda: process.poll() is not None, "doctor ends")
            printed, complaints = process.communicate()
            connection.close()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    assert (process.returncode, printed) == (INTERRUPTED, "")
    assert "Traceback" not in complaints
