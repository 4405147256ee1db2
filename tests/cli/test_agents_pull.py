import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivr_bridge.agents.loop_thread import LoopThread
from ivr_bridge.cli.main import main
from tests.support.vendor_account import VendorAccount, vendor_account

SHIPPED = Path(__file__).parent.parent.parent / "config"


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
    shutil.copytree(SHIPPED, tmp_path / "config")
    return tmp_path / "config"


def test_an_applied_agent_comes_back_as_it_was(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["agents", "apply", "--yes"]) == 0
    (config / "agents" / "desk.yaml").unlink()
    capsys.readouterr()
    assert main(["agents", "pull", "--json"]) == 0
    (written,) = json.loads(capsys.readouterr().out)["written"]
    assert (written["file"], written["remarks"]) == ("config/agents/desk.yaml", [])
    assert main(["agents", "drift"]) == 0
    assert main(["check"]) == 0


def test_a_file_that_is_there_is_kept(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    main(["agents", "apply", "--yes"])
    before = (config / "agents" / "desk.yaml").read_text()
    assert main(["agents", "pull"]) == 2
    assert "--force" in capsys.readouterr().err
    assert (config / "agents" / "desk.yaml").read_text() == before
    assert main(["agents", "pull", "--force"]) == 0
    assert (config / "agents" / "desk.yaml").read_text() != before


def test_any_agent_by_its_id(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["agents", "pull", "--agent", "agent_sandbox_private"]) == 0
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "written  config/agents/private_desk.yaml  (agent_sandbox_private)"
    assert "You answer the telephone" in (config / "agents" / "private_desk.yaml").read_text()
    assert all(each.startswith("GET ") for each in vendor.asked)
    assert main(["agents", "pull", "--agent", "agent_nobody"]) == 1


def test_without_any_of_ours(vendor: VendorAccount, capsys: pytest.CaptureFixture[str]):
    assert main(["agents", "pull"]) == 1
    assert "--agent ID" in capsys.readouterr().err


def test_adopt(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    vendor.put_agent("agent_1", tags=("theirs",), prompt={"prompt": "Be kind."})
    adopt = ["agents", "pull", "--agent", "agent_1", "--name", "hotel", "--adopt"]
    assert main(adopt) == 2
    assert not (config / "agents" / "hotel.yaml").exists()
    assert main([*adopt, "--yes"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "tagged   ivr-bridge:hotel"
    agent = vendor.account.agents.get("agent_1")
    assert agent is not None
    assert agent["tags"] == ["theirs", "ivr-bridge:hotel"]
    assert 'prompt: "Be kind."' in (config / "agents" / "hotel.yaml").read_text()
    assert main([*adopt, "--yes", "--force"]) == 0, "again is as good as once"


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("no\n", 1)])
def test_adopt_asks(vendor: VendorAccount, config: Path, monkeypatch: pytest.MonkeyPatch, answer: str, code: int):
    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return answer

    monkeypatch.setattr(sys, "stdin", Terminal())
    vendor.put_agent("agent_1")
    assert main(["agents", "pull", "--agent", "agent_1", "--name", "hotel", "--adopt"]) == code
    assert (config / "agents" / "hotel.yaml").exists() is (code == 0)


def test_what_cannot_be_adopted(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    vendor.put_agent("agent_1", tags=("ivr-bridge:hotel",))
    vendor.put_agent("agent_2")
    adopt = ["agents", "pull", "--adopt", "--yes", "--agent"]
    assert main([*adopt, "agent_2", "--name", "hotel"]) == 1
    assert "agent_1 bears the tag ivr-bridge:hotel already" in capsys.readouterr().err
    assert main([*adopt, "agent_1", "--name", "inn"]) == 1
    assert "agent_1 bears the tag ivr-bridge:hotel already" in capsys.readouterr().err
    assert not (config / "agents" / "hotel.yaml").exists()
    assert all(each.startswith("GET ") for each in vendor.asked)


@pytest.mark.parametrize(
    "arguments",
    [["--adopt"], ["--name", "x"], ["--agent", "agent_1", "--name", "a b"], ["--agent", "a", "--name", "../x"]],
)
def test_usage(vendor: VendorAccount, arguments: list[str]):
    assert main(["agents", "pull", *arguments]) == 2
    assert vendor.asked == []


def test_two_agents_of_one_name(vendor: VendorAccount, config: Path, capsys: pytest.CaptureFixture[str]):
    for agent_id in ("agent_1", "agent_2"):
        vendor.put_agent(agent_id, tags=("ivr-bridge:hotel",))
    assert main(["agents", "pull"]) == 1
    assert "two agents are called hotel: agent_" in capsys.readouterr().err
    assert not (config / "agents" / "hotel.yaml").exists()
