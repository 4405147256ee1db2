"""A whole call of a real server: what is secret stands in nothing that it wrote, neither the log nor a file."""

import asyncio
import shutil
import signal
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from ivr_bridge.simulator.phone.caller import CallScript, Digits, HangUp, Wait
from ivr_bridge.simulator.phone.line import SANDBOX_ACCOUNT_SID, Line
from ivr_bridge.simulator.phone.phone import Phone
from tests.calls.house import CONFIG, sandbox
from tests.support.server_process import ServerProcess, wait_until

pytestmark = pytest.mark.timeout(180)

PIN = "83650274"
SECRETS = {
    "TWILIO_AUTH_TOKEN": "tok-5f0e1d2c3b4a59687766554433221100",
    "ELEVENLABS_WEBHOOK_SECRET": "wsec-0f1e2d3c4b5a6978",
    "ELEVENLABS_INIT_SECRET": "init-a9b8c7d6e5f40312",
    "VOICEMAIL_WEBHOOK_SECRET": "mail-11223344556677889900",
    "ELEVENLABS_API_KEY": "sk_9f8e7d6c5b4a39281706f5e4d3c2b1a0",
    "TWILIO_API_KEY_SECRET": "aks-00ff11ee22dd33cc44bb55aa",
}
FLOW = {
    "numbers": ["*"],
    "disclosure": False,
    "recording": {"announce": "call_recorded", "keep_days": 1},
    "start": "pin",
    "nodes": {
        "pin": {
            "kind": "digits", "prompt": "no_input", "variable": "pin", "sensitive": True, "min_digits": 8,
            "max_digits": 8, "next": "talk", "otherwise": "bye",
        },
        "talk": {"kind": "agent", "told": "I would like to book a table."},
        "bye": {"kind": "hang_up", "prompt": "goodbye"},
    },
}  # fmt: skip


AGENT_ID = "agent_sandbox_desk"


@dataclass(frozen=True)
class Lived:
    """What came of the call."""

    token: str
    call_sid: str
    ended: dict[str, Any]
    collected: list[dict[str, Any]]
    log: str
    written: dict[str, bytes]
    """Every file of `var/`, in the middle of the call and after the end of the server."""


def config_dir(folder: Path) -> Path:
    shutil.copytree(CONFIG, folder)
    shutil.rmtree(folder / "flows")
    (folder / "flows").mkdir()
    (folder / "flows" / "main.yaml").write_text(yaml.safe_dump(FLOW))
    return folder


async def lived_through(tmp_path: Path) -> Lived:
    """A call with a secret number and then the agent; what is on the disk is also looked at in its middle."""
    var = tmp_path / "var"
    async with sandbox(key=SECRETS["ELEVENLABS_API_KEY"]) as service_url:
        serving = ServerProcess(
            var,
            LOG_LEVEL="debug",
            CONFIG_DIR=str(config_dir(tmp_path / "config")),
            ELEVENLABS_BASE_URL=service_url,
            ELEVENLABS_AGENT_ID=AGENT_ID,
            TWILIO_ACCOUNT_SID=SANDBOX_ACCOUNT_SID,
            TWILIO_API_KEY_SID="SK0123456789abcdef0123456789abcdef",
            TWILIO_API_BASE_URL="http://127.0.0.1:9",
            VOICEMAIL_WEBHOOK_URL="http://127.0.0.1:9/mail",
            **SECRETS,
        )
        await asyncio.to_thread(serving.__enter__)
        try:
            ready = "all prompts: the announcement is one"
            await asyncio.to_thread(wait_until, lambda: "rendering" not in str(serving.get("/readyz")), ready, 60)
            line = Line(serving.url, None, SECRETS["TWILIO_AUTH_TOKEN"])
            steps = (Wait(4.0), Digits(PIN, expects_answer=False), Wait(9.0), HangUp())
            call = asyncio.create_task(Phone(line).call(CallScript(steps)))
            await asyncio.to_thread(wait_until, lambda: serving.named("agent.said"), "the agent")
            await asyncio.sleep(1.5)
            written = files_of(var)
            report = await call
            ended = await asyncio.to_thread(serving.until, "call.ended")
            serving.signal(signal.SIGTERM)
            assert await asyncio.to_thread(serving.wait) == 0
            log = "".join(serving.lines) + "".join(serving.errors)
            collected = serving.named("digits.collected")
        finally:
            await asyncio.to_thread(serving.__exit__)
    after = {f"after the end {name}": data for name, data in files_of(var).items()}
    return Lived(report.custom_parameters["token"], report.call_sid, ended, collected, log, written | after)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_neither_digits_nor_secrets_stand_in_anything_that_was_written(tmp_path: Path):
    lived = asyncio.run(lived_through(tmp_path))
    assert lived.collected[0]["n_digits"] == len(PIN), "it was keyed in, and taken"
    assert lived.ended["agent_close_code"] == 1000, "the agent was there"
    holds_call = {name for name, data in lived.written.items() if lived.call_sid.encode() in data}
    assert any("valkey" in name for name in holds_call), "what the store has of the call was looked at, too"
    assert any("records.sqlite3" in name for name in holds_call)
    assert any(name.endswith(".wav") for name in lived.written), "it was recorded"
    with sqlite3.connect(tmp_path / "var" / "records.sqlite3") as database:
        assert database.execute("SELECT count(*) FROM calls").fetchone() == (1,)
    database.close()
    for hidden in (PIN, *SECRETS.values(), lived.token):
        assert hidden not in lived.log
        assert [name for name, data in lived.written.items() if hidden.encode() in data] == []
