"""`ivr-bridge doctor` beside a running `ivr-bridge serve` and a sandbox, each a process of its own."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.cli.sandbox_child import READY
from tests.support.server_process import RunningProcess, ServerProcess, clean_env, wait_until

pytestmark = [pytest.mark.timeout(180), pytest.mark.realtime]

KEY = "sk_doctor_0123456789"
TOKEN = "fedcba9876543210fedcba9876543210"
AGENT = "agent_sandbox_desk"


def doctor(url: str, **env: str) -> tuple[int, dict[str, dict[str, Any]], str]:
    """Exit code, check -> what it told, and everything that was printed."""
    with RunningProcess("doctor", "--json", "--url", url, env=clean_env(**env)) as process:
        code = process.wait(60)
        printed = "".join(process.lines)
    return code, {each["check"]: each for each in json.loads(printed)}, printed + "".join(process.errors)


def test_what_the_doctor_finds_is_so(tmp_path: Path) -> None:
    sandbox = RunningProcess("sandbox", "--port", "0", "--key", KEY, env=clean_env())
    with sandbox:
        wait_until(lambda: sandbox.lines or sandbox.has_ended(), "the sandbox")
        vendor = {
            "ELEVENLABS_BASE_URL": sandbox.lines[0].removeprefix(READY).strip(),
            "ELEVENLABS_API_KEY": KEY,
            "ELEVENLABS_AGENT_ID": AGENT,
        }
        with ServerProcess(tmp_path / "var", TWILIO_AUTH_TOKEN=TOKEN, **vendor) as server:
            code, told, printed = doctor(server.url, TWILIO_AUTH_TOKEN=TOKEN, **vendor)
            good = {name for name, each in told.items() if each["ok"]}
            assert {"server", "signature", "elevenlabs_key", "elevenlabs_scopes", "agent", "latency_server"} <= good
            assert told["signature"]["found"].endswith("taken; unsigned: refused")
            assert told["agent"]["found"].endswith(f"({AGENT}): ELEVENLABS_AGENT_ID")
            # What the sandbox's own agent lacks is told, and is all that fails.
            failed = {name for name, each in told.items() if each["ok"] is False}
            assert code == bool(failed)
            assert failed <= {"agent_events", "agent_overrides", "agent_tools", "voices"}, told
            assert server.named("webhook.refused")
            assert server.named("call.status_changed", status="doctor")

            other = {**vendor, "TWILIO_AUTH_TOKEN": TOKEN[::-1]}
            code, told, _ = doctor(server.url, **other)
            assert (code, told["signature"]["ok"]) == (1, False)
            code, told, printed_too = doctor(server.url, **{**vendor, "ELEVENLABS_API_KEY": f"{KEY[::-1]},{KEY}"})
            assert "key 1 of 2 is refused: invalid_api_key, key 2 of 2 is good" in told["elevenlabs_key"]["found"]
            logged = os.linesep.join([*server.lines, *server.errors])
    for text in (printed, printed_too, logged):
        assert KEY not in text
        assert TOKEN not in text
    assert told["elevenlabs_key"]["remedy"].startswith("take key 1 out")
