"""A whole call of a real server: what is secret stands in nothing that it wrote, neither the log nor a file."""

import asyncio
import shutil
import signal
import sqlite3
from pathlib import Path

import pytest
import yaml

from ivr_bridge.simulator.phone.caller import CallScript, Digits, Wait
from ivr_bridge.simulator.phone.line import Line
from ivr_bridge.simulator.phone.phone import Phone
from tests.calls.house import CONFIG
from tests.support.server_process import ServerProcess, wait_until

pytestmark = pytest.mark.timeout(180)

PIN = "83650274"
SECRETS = {
    "TWILIO_AUTH_TOKEN": "tok-5f0e1d2c3b4a59687766554433221100",
    "ELEVENLABS_WEBHOOK_SECRET": "wsec-0f1e2d3c4b5a6978",
    "ELEVENLABS_INIT_SECRET": "init-a9b8c7d6e5f40312",
    "VOICEMAIL_WEBHOOK_SECRET": "mail-11223344556677889900",
}
FLOW = {
    "numbers": ["*"],
    "disclosure": False,
    "recording": {"announce": "call_recorded", "keep_days": 1},
    "start": "pin",
    "nodes": {
        "pin": {
            "kind": "digits", "prompt": "no_input", "variable": "pin", "sensitive": True, "min_digits": 8,
            "max_digits": 8, "next": "bye", "otherwise": "bye",
        },
        "bye": {"kind": "hang_up", "prompt": "goodbye"},
    },
}  # fmt: skip


def config_dir(folder: Path) -> Path:
    shutil.copytree(CONFIG, folder)
    shutil.rmtree(folder / "flows")
    (folder / "flows").mkdir()
    (folder / "flows" / "main.yaml").write_text(yaml.safe_dump(FLOW))
    return folder


def test_neither_digits_nor_secrets_stand_in_anything_that_was_written(tmp_path: Path):
    folder = config_dir(tmp_path / "config")
    with ServerProcess(tmp_path / "var", LOG_LEVEL="debug", CONFIG_DIR=str(folder), **SECRETS) as serving:
        wait_until(lambda: "rendering" not in str(serving.get("/readyz")), "all prompts: the announcement is one", 60)
        line = Line(serving.url, None, SECRETS["TWILIO_AUTH_TOKEN"])
        steps = (Wait(4.0), Digits(PIN, expects_answer=False), Wait(6.0))
        report = asyncio.run(Phone(line).call(CallScript(steps)))
        ended = serving.until("call.ended")
        serving.signal(signal.SIGTERM)
        assert serving.wait() == 0
        log = "".join(serving.lines) + "".join(serving.errors)
    assert serving.named("digits.collected")[0]["n_digits"] == len(PIN), "it was keyed in, and taken"
    assert ended["reason"] == "flow_ended", report
    written = {path: path.read_bytes() for path in (tmp_path / "var").rglob("*") if path.is_file()}
    assert {path.name for path in written} >= {"records.sqlite3"}
    assert any(path.suffix == ".wav" for path in written), "it was recorded"
    with sqlite3.connect(tmp_path / "var" / "records.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM calls").fetchone() == (1,)
    for hidden in (PIN, *SECRETS.values(), report.custom_parameters["token"]):
        assert hidden not in log
        assert [str(path) for path, data in written.items() if hidden.encode() in data] == []
