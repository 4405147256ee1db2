"""The commands against the sandbox's account, served over HTTP."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ivr_bridge.agents.handlers import read_handlers
from ivr_bridge.agents.loop_thread import LoopThread
from ivr_bridge.agents.marks import read_tool_mark
from ivr_bridge.cli.main import main
from tests.support.server_process import RunningProcess, clean_env
from tests.support.vendor_account import VendorAccount, vendor_account

ROOT = Path(__file__).parent.parent.parent
TAG = "ivr-bridge:desk"
N_TOOLS = len(read_handlers(ROOT / "config", "ivr_bridge.tools.demo"))
"""Of the shipped configuration."""


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorAccount]:
    thread = LoopThread("vendor")
    try:
        with thread.enter(vendor_account()) as vendor:
            monkeypatch.setenv("ELEVENLABS_BASE_URL", vendor.url)
            yield vendor
    finally:
        thread.close()


@pytest.fixture(autouse=True)
def config(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    return tmp_path / "config"


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def ours(vendor: VendorAccount) -> list[dict[str, Any]]:
    return [agent for agent in vendor.account.agents.documents() if TAG in agent["tags"]]


def marks(vendor: VendorAccount) -> list[str]:
    configs = (tool["tool_config"] for tool in vendor.account.tools.documents())
    return sorted(str(mark) for config in configs if (mark := read_tool_mark(config)))


def as_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(capsys.readouterr().out)
    return value


def changes_asked(vendor: VendorAccount) -> list[str]:
    return [each for each in vendor.asked if not each.startswith("GET ")]


def test_from_nothing_to_nothing_to_do(vendor: VendorAccount, capsys: pytest.CaptureFixture[str]):
    foreign = {agent["agent_id"]: dict(agent) for agent in vendor.account.agents.documents()}
    assert main(["agents", "plan"]) == 0
    assert f"{N_TOOLS + 1} steps, safe" in capsys.readouterr().out
    assert changes_asked(vendor) == []
    assert main(["agents", "drift"]) == 1
    capsys.readouterr()
    assert main(["agents", "apply", "--yes"]) == 0
    done = [line for line in capsys.readouterr().out.splitlines() if line.startswith("done")]
    assert len(done) == N_TOOLS + 1
    (agent,) = ours(vendor)
    assert agent["conversation_config"]["asr"]["user_input_audio_format"] == "ulaw_8000"
    assert len(agent["conversation_config"]["agent"]["prompt"]["tool_ids"]) == N_TOOLS == len(marks(vendor))
    assert main(["agents", "drift"]) == 0
    assert "nothing to do" in capsys.readouterr().out
    vendor.asked.clear()
    assert main(["agents", "apply", "--yes"]) == 0
    assert changes_asked(vendor) == []
    for agent_id, before in foreign.items():
        assert vendor.account.agents.get(agent_id) == before


def test_a_plan_for_people(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    main(["agents", "apply", "--yes"])
    change(config / "agents" / "prompts" / "desk.md", "You answer the telephone", "You pick up the phone")
    change(config / "agents" / "desk.yaml", "allowed_overrides: [agent.first_message, ", "allowed_overrides: [")
    change(config / "bridge.yaml", "tool_timeout_s: 15", "tool_timeout_s: 20")
    capsys.readouterr()
    assert main(["agents", "plan"]) == 0
    printed = capsys.readouterr().out
    assert "    -You answer the telephone of the Harbour Kitchen" in printed
    assert "    +You pick up the phone of the Harbour Kitchen" in printed
    assert (
        "danger  platform_settings.overrides.conversation_config_override.agent.first_message  true -> false" in printed
    )
    assert "a conversation that still sends this override is refused" in printed
    assert "caution tools.book_table" in printed
    assert "tool book_table  tool_" in printed
    assert printed.splitlines()[-1] == f"{2 * N_TOOLS + 1} steps, danger"


def test_apply_swaps_what_changed(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    main(["agents", "apply", "--yes"])
    before = marks(vendor)
    change(config / "bridge.yaml", "tool_timeout_s: 15", "tool_timeout_s: 20")
    capsys.readouterr()
    assert main(["agents", "apply", "--yes", "--json"]) == 0
    answer = as_json(capsys)
    assert len(answer["done"]) == 2 * N_TOOLS + 1
    assert all(step["was_done"] for step in answer["done"])
    assert len(marks(vendor)) == N_TOOLS
    assert not set(before) & set(marks(vendor))


def test_json(vendor: VendorAccount, capsys: pytest.CaptureFixture[str]):
    assert main(["agents", "plan", "--json"]) == 0
    answer = as_json(capsys)
    assert list(answer) == ["differs", "steps", "agents", "tools", "remarks"]
    assert (answer["differs"], answer["steps"]) == (True, N_TOOLS + 1)
    (agent,) = answer["agents"]
    assert (agent["name"], agent["agent_id"], agent["action"], agent["level"]) == ("desk", None, "make", "safe")
    assert {tool["action"] for tool in answer["tools"]} == {"make"}
    main(["agents", "apply", "--yes"])
    ours(vendor)[0]["conversation_config"]["tts"]["speed"] = 0.8
    capsys.readouterr()
    assert main(["agents", "drift", "--json"]) == 1
    (step,) = as_json(capsys)["agents"]
    assert step["changes"] == [
        {
            "path": "conversation_config.tts.speed",
            "from": 0.8,
            "to": 1.0,
            "level": "caution",
            "danger": step["changes"][0]["danger"],
        }
    ]


@pytest.mark.parametrize("arguments", [["apply"], ["apply", "--json"]])
def test_nothing_is_changed_without_a_yes(
    vendor: VendorAccount, arguments: list[str], capsys: pytest.CaptureFixture[str]
):
    assert main(["agents", *arguments]) == 2
    assert "--yes" in capsys.readouterr().err
    assert vendor.asked == []


class Terminal:
    def __init__(self, answer: str) -> None:
        self._answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self._answer


@pytest.mark.parametrize(("answer", "code", "made"), [("y\n", 0, 1), ("n\n", 1, 0), ("\n", 1, 0)])
def test_at_a_terminal_it_asks(
    vendor: VendorAccount, monkeypatch: pytest.MonkeyPatch, answer: str, code: int, made: int
):
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert main(["agents", "apply"]) == code
    assert len(ours(vendor)) == made


def test_an_account_that_changed_while_it_asked(
    vendor: VendorAccount, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    class Busy(Terminal):
        def readline(self) -> str:
            vendor.put_agent("agent_of_a_colleague", tags=(TAG,))
            return "y\n"

    monkeypatch.setattr(sys, "stdin", Busy(""))
    assert main(["agents", "apply"]) == 1
    assert "look at the plan again" in capsys.readouterr().err
    assert changes_asked(vendor) == []


def test_what_apply_cannot_mend(vendor: VendorAccount, capsys: pytest.CaptureFixture[str]):
    for agent_id in ("agent_1", "agent_2"):
        vendor.put_agent(agent_id, tags=(TAG,))
    assert main(["agents", "plan"]) == 1
    printed = capsys.readouterr().out
    assert "agent_1" in printed
    assert "agent_2" in printed
    assert main(["agents", "apply", "--yes"]) == 1
    assert main(["agents", "apply", "--yes", "--json"]) == 1
    assert changes_asked(vendor) == []


def test_a_broken_file_asks_nobody(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    change(config / "agents" / "desk.yaml", "max_duration_s: 900", "max_duration_s: long")
    assert main(["agents", "plan"]) == 2
    assert "desk.yaml:" in capsys.readouterr().err
    assert vendor.asked == []


def test_it_breaks_off_and_says_how_far_it_came(vendor: VendorAccount, capsys: pytest.CaptureFixture[str]):
    async def fail(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"detail": {"status": "quota_exceeded", "message": "No more."}}, status=402)

    vendor.answers["POST /v1/convai/agents/create"] = fail
    assert main(["agents", "apply", "--yes"]) == 1
    errors = capsys.readouterr().err
    assert f"{N_TOOLS} of {N_TOOLS + 1} steps are done; run it again for the rest" in errors
    assert "No more." in errors
    assert "Traceback" not in errors
    del vendor.answers["POST /v1/convai/agents/create"]
    assert main(["agents", "apply", "--yes"]) == 0
    assert len(marks(vendor)) == N_TOOLS


def test_knowledge_and_agents_agree(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    (config / "knowledge").mkdir(exist_ok=True)
    (config / "knowledge" / "prices.md").write_text("What everything costs. " * 40)
    change(config / "agents" / "desk.yaml", "knowledge: []", "knowledge: [prices]")
    assert main(["agents", "apply", "--yes"]) == 0
    assert "ivr-bridge knowledge sync" in capsys.readouterr().out
    assert main(["agents", "drift"]) == 1
    assert main(["knowledge", "sync", "--yes"]) == 0
    assert main(["agents", "drift"]) == 0
    (agent,) = ours(vendor)
    assert vendor.known_by(agent["agent_id"]) == vendor.documents


@pytest.mark.parametrize("what", ["POST /v1/convai/tools", "POST /v1/convai/agents/create"])
def test_killed_and_run_again(vendor: VendorAccount, config: Path, what: str):
    """A real `kill -9` of the command, after the vendor has done what was asked and before the answer."""
    env = clean_env(ELEVENLABS_BASE_URL=vendor.url, PYTHONPATH=str(ROOT))
    process = RunningProcess("agents", "apply", "--yes", env=env, cwd=config.parent)
    pids = [process.pid]

    async def done_then_killed(request: web.Request) -> web.StreamResponse:
        answer = await request.match_info.handler(request)
        if pids:
            os.kill(pids.pop(), signal.SIGKILL)
        return answer

    vendor.answers[what] = done_then_killed
    assert process.wait() == -signal.SIGKILL
    assert marks(vendor), "something was done"
    assert main(["agents", "apply", "--yes"]) == 0
    assert len(ours(vendor)) == 1
    assert len(marks(vendor)) == N_TOOLS == len(set(marks(vendor)))
    assert main(["agents", "drift"]) == 0
