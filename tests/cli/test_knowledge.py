import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from ivr_bridge.agents.knowledge_file import file_document
from ivr_bridge.agents.knowledge_mark import KnowledgeMark
from ivr_bridge.agents.loop_thread import LoopThread
from ivr_bridge.cli.main import main
from tests.support.server_process import RunningProcess, clean_env
from tests.support.vendor_account import VendorAccount, vendor_account

LONG = "Everything there is to know. " * 40
DESK = "agent_desk"
AGENT = """
name: Front desk
prompt: Be kind.
first_message: {en: Hello.}
tools: []
knowledge: [prices]
"""


@pytest.fixture
def vendor(monkeypatch: pytest.MonkeyPatch) -> Iterator[VendorAccount]:
    thread = LoopThread("vendor")
    try:
        with thread.enter(vendor_account()) as vendor:
            monkeypatch.setenv("ELEVENLABS_BASE_URL", vendor.url)
            vendor.put_agent(DESK, tags=("ivr-bridge:desk",))
            yield vendor
    finally:
        thread.close()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    config = tmp_path / "config"
    for folder in ("agents", "knowledge"):
        (config / folder).mkdir(parents=True)
    (config / "bridge.yaml").write_text("language: en\n")
    (config / "agents" / "desk.yaml").write_text(AGENT)
    (config / "knowledge" / "prices.md").write_text(f"Prices. {LONG}")
    return config


def prices(config: Path) -> str:
    return str(KnowledgeMark("prices", file_document(config / "knowledge" / "prices.md").content_hash))


def as_json(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    printed = capsys.readouterr()
    assert printed.err == ""
    value: dict[str, Any] = json.loads(printed.out)
    return value


def test_sync_and_list(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    vendor.put_document("doc_foreign", "by hand")
    assert main(["knowledge", "sync"]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == ["make  prices (file)", "tell  agent desk: prices", "1 made"]
    assert vendor.known_by(DESK) == [prices(config)]
    assert main(["knowledge", "list"]) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [row[:4] for row in rows[1:]] == [
        ["by", "hand", "others", "left"],
        ["prices", "config/knowledge", "current", "file"],
    ]


def test_nothing_to_do(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["knowledge", "sync"]) == 0
    capsys.readouterr()
    assert main(["knowledge", "sync"]) == 0
    assert capsys.readouterr().out.splitlines() == ["keep  prices (file)", "1 unchanged"]


def test_dry_run(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    vendor.put_document("doc_gone", "ivr-bridge:gone:000000000000")
    assert main(["knowledge", "sync", "--dry-run", "--json"]) == 0
    assert as_json(capsys) == {
        "documents": [{"document": "prices", "action": "make"}],
        "agents": ["desk"],
        "outdated": [],
        "gone": [{"name": "ivr-bridge:gone:000000000000", "id": "doc_gone"}],
    }
    assert vendor.documents == ["ivr-bridge:gone:000000000000"]
    assert main(["knowledge", "sync", "--dry-run"]) == 0
    assert "which the configuration does not have any more" in capsys.readouterr().out


def test_what_is_gone_is_removed_with_a_yes_only(
    vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]
):
    vendor.put_document("doc_gone", "ivr-bridge:gone:000000000000")
    assert main(["knowledge", "sync", "--json"]) == 1
    done = as_json(capsys)["done"]
    assert (done["made"], done["left"]) == (["prices"], ["ivr-bridge:gone:000000000000"])
    assert "nobody could be asked" in done["warnings"][0]
    assert main(["knowledge", "sync", "--json", "--yes"]) == 0
    assert as_json(capsys)["done"]["removed"] == ["ivr-bridge:gone:000000000000"]
    assert vendor.documents == [prices(config)]


@pytest.mark.parametrize(("answer", "left"), [("y\n", 0), ("\n", 1)])
def test_at_a_terminal_it_asks(
    vendor: VendorAccount, config: Path, monkeypatch: pytest.MonkeyPatch, answer: str, left: int
):
    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return answer

    monkeypatch.setattr(sys, "stdin", Terminal())
    vendor.put_document("doc_gone", "ivr-bridge:gone:000000000000")
    assert main(["knowledge", "sync"]) == 0
    assert len(vendor.documents) == 1 + left


def test_a_small_document_is_a_warning(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    (config / "knowledge" / "prices.md").write_text("Little.")
    assert main(["knowledge", "sync"]) == 0
    assert "warning  prices has no index (document_too_small)" in capsys.readouterr().out


def test_an_agent_that_is_not_there(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    vendor.account.agents.remove(DESK)
    assert main(["knowledge", "sync"]) == 1
    assert "agent desk is not at the vendor yet" in capsys.readouterr().out
    assert vendor.documents == [prices(config)]


def test_a_document_that_is_no_file(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    (config / "knowledge" / "prices.md").rename(config / "knowledge" / "costs.md")
    assert main(["knowledge", "sync"]) == 2
    assert "agents are to know prices, and config/knowledge/ has no such file" in capsys.readouterr().err
    assert vendor.asked == []


def test_without_a_key(config: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["knowledge", "sync"]) == 2
    assert "ELEVENLABS_API_KEY is not set" in capsys.readouterr().err


def test_it_breaks_off(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    async def fail(request: web.Request) -> web.Response:
        await request.read()
        return web.json_response({"detail": {"status": "quota_exceeded", "message": "No more."}}, status=402)

    vendor.answers["POST /v1/convai/knowledge-base/file"] = fail
    assert main(["knowledge", "sync"]) == 1
    errors = capsys.readouterr().err
    assert "it broke off; run it again for the rest" in errors
    assert "No more." in errors
    assert "Traceback" not in errors


def test_the_list_says_how_each_stands(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    vendor.put_document("doc_1", "ivr-bridge:prices:000000000000")
    vendor.put_document("doc_2", "ivr-bridge:gone:000000000000")
    vendor.put_document("doc_3", "ivr-bridge/agent_9:prices:000000000000")
    vendor.put_document("doc_4", "a folder", kind="folder")
    assert main(["knowledge", "list", "--json"]) == 0
    documents = {
        each["id"]: (each["document"], each["made_by"], each["state"]) for each in as_json(capsys)["documents"]
    }
    assert documents == {
        "doc_1": ("prices", "config/knowledge", "outdated"),
        "doc_2": ("gone", "config/knowledge", "gone"),
        "doc_3": ("prices", "the service, for agent agent_9", "left alone"),
    }


@pytest.mark.parametrize("what", ["POST /v1/convai/knowledge-base/file", f"PATCH /v1/convai/agents/{DESK}"])
def test_killed_and_run_again(vendor: VendorAccount, config: Path, what: str, capsys: pytest.CaptureFixture[str]):
    """A real `kill -9` of the command, after the vendor has done what was asked and before the answer."""
    old = vendor.put_document("doc_old", "ivr-bridge:prices:000000000000")
    vendor.put_agent(DESK, tags=("ivr-bridge:desk",), prompt={"knowledge_base": [old]})
    env = clean_env(ELEVENLABS_BASE_URL=vendor.url, PYTHONPATH=str(Path(__file__).parents[2]))
    process = RunningProcess("knowledge", "sync", env=env, cwd=config.parent)
    pids = [process.pid]

    async def done_then_killed(request: web.Request) -> web.StreamResponse:
        answer = await request.match_info.handler(request)
        if pids:
            os.kill(pids.pop(), signal.SIGKILL)
        return answer

    vendor.answers[what] = done_then_killed
    assert process.wait() == -signal.SIGKILL
    assert vendor.known_by(DESK) in ([prices(config)], ["ivr-bridge:prices:000000000000"])
    assert main(["knowledge", "sync"]) == 0
    assert vendor.documents == vendor.known_by(DESK) == [prices(config)]


def test_check_tells_what_is_wrong_with_the_folder(config: Path, capsys: pytest.CaptureFixture[str]):
    (config / "knowledge" / "sources.yaml").write_text("sources:\n- {name: prices, text: twice}\n")
    (config / "knowledge" / "table.csv").write_text("1,2")
    assert main(["check", "--json"]) == 1
    problems = json.loads(capsys.readouterr().out)
    told = {(each["file"], each["line"], each["severity"]) for each in problems if "knowledge/" in each["file"]}
    assert told == {("config/knowledge/sources.yaml", 2, "error"), ("config/knowledge/table.csv", 1, "warning")}
