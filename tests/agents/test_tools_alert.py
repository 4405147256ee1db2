import asyncio
import shutil
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.agents.agent_file import prompt_text, read_agent_files
from ivr_bridge.agents.desired import wanted_agent
from ivr_bridge.agents.handlers import registered
from ivr_bridge.agents.tool_config import wanted_tool
from ivr_bridge.agents.tools_alert import agent_difference, alert_of_tools, told_tools
from ivr_bridge.agents.tools_difference import ToolsDifference
from ivr_bridge.app import build_app
from ivr_bridge.elevenlabs.rest.agents import Agent
from ivr_bridge.errors import VendorFailed, VendorRejected
from ivr_bridge.settings import read_settings
from ivr_bridge.telemetry.call_feed import CallFeeds
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.registry import ToolRegistry
from tests.agents.fake_account import FakeAccount, prompt_of, tool_ids
from tests.agents.house import carry_out, plan_for
from tests.support.vendor_account import vendor_account

SHIPPED = Path(__file__).parent.parent.parent / "config"
TOOLS = ToolRegistry.from_module("ivr_bridge.tools.demo")


async def applied() -> tuple[FakeAccount, str]:
    """An account with the shipped agent."""
    account = FakeAccount()
    document = read_agent_files(SHIPPED)["desk"]
    handlers = registered(TOOLS)
    agent = wanted_agent("desk", document.content, prompt_text(document), TOOLS.names)
    await carry_out(
        account, await plan_for(account, agent, of=tuple(wanted_tool(each.schema, 15) for each in handlers))
    )
    (agent_id,) = account.agent_documents
    return account, agent_id


async def alerts(account: FakeAccount, agent_id: str, tools: ToolRegistry = TOOLS, config: Path = SHIPPED) -> list[Any]:
    agent = await account.agents.get(agent_id)
    with capture_logs() as logs:
        await alert_of_tools(account, agent, tools, config, Log())  # type: ignore[arg-type]
    return logs


async def test_of_one_mind_nothing_is_said() -> None:
    account, agent_id = await applied()
    assert await alerts(account, agent_id) == []
    assert account.changes[-1].startswith("POST agent"), "it changes nothing"


async def test_a_tool_without_a_handler() -> None:
    account, agent_id = await applied()
    (alert,) = await alerts(account, agent_id, ToolRegistry.from_module(None))
    assert (alert["event"], alert["log_level"]) == ("agent.tools_differ", "warning")
    assert alert["missing_here"] == ["book_table"]
    assert alert["agent_id"] == agent_id


async def test_a_handler_that_the_agent_was_not_told_of() -> None:
    account, agent_id = await applied()
    ids = prompt_of(account.agent_documents[agent_id])["tool_ids"]
    ids.remove(next(each for each in ids if account.tool_configs[each]["name"] == "hang_up"))
    assert [alert["missing_there"] for alert in await alerts(account, agent_id)] == [["hang_up"]]


async def test_an_agent_without_a_file_may_lack_handlers(tmp_path: Path) -> None:
    account, agent_id = await applied()
    prompt_of(account.agent_documents[agent_id])["tool_ids"].pop()
    assert await alerts(account, agent_id, config=tmp_path) == []
    shutil.copytree(SHIPPED / "agents", tmp_path / "agents")
    assert await alerts(account, agent_id, config=tmp_path) != []
    (tmp_path / "agents" / "desk.yaml").write_text("[")
    assert await alerts(account, agent_id, config=tmp_path) == [], "`check` tells of it"


async def test_other_arguments() -> None:
    account, agent_id = await applied()
    config = next(each for each in account.tool_configs.values() if each["name"] == "book_table")
    del config["parameters"]["properties"]["time"]
    assert [alert["differing"] for alert in await alerts(account, agent_id)] == [["book_table"]]


async def test_tools_in_the_agent_itself_count_and_copies_do_not() -> None:
    account, agent_id = await applied()
    copies = [account.tool_configs[each] for each in tool_ids(account.agent_documents[agent_id])]
    own = {"type": "client", "name": "open_door"}
    prompt_of(account.agent_documents[agent_id])["tools"] = [*copies, own]
    agent = await account.agents.get(agent_id)
    told = await told_tools(account, agent)  # type: ignore[arg-type]
    assert len(told) == len(copies) + 1
    assert agent_difference(agent, told, TOOLS, SHIPPED) == ToolsDifference(missing_here=("open_door",))


async def test_a_tool_that_is_gone_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    account, agent_id = await applied()

    async def gone(_tool_id: str) -> Any:
        raise VendorRejected("gone", status=404)

    monkeypatch.setattr(account.tools, "get", gone)
    (alert,) = await alerts(account, agent_id)
    assert "hang_up" in alert["missing_there"]


async def test_a_vendor_that_does_not_answer_is_no_alert(monkeypatch: pytest.MonkeyPatch) -> None:
    account, agent_id = await applied()

    async def fail(_tool_id: str) -> Any:
        raise VendorFailed("down", status=503)

    monkeypatch.setattr(account.tools, "get", fail)
    (line,) = await alerts(account, agent_id)
    assert line["event"] == "agent.tools_unread"


def test_an_agent_without_anything() -> None:
    agent = Agent(agent_id="agent_1", conversation_config={})
    assert not agent_difference(agent, [], TOOLS, SHIPPED)


async def test_a_server_that_starts_writes_the_alert_and_serves(tmp_path: Path) -> None:
    async with vendor_account() as vendor:
        vendor.put_agent("agent_1", prompt={"tools": [{"type": "client", "name": "open_door"}]})
        given = {
            "elevenlabs_base_url": vendor.url,
            "elevenlabs_api_key": "key",
            "elevenlabs_agent_id": "agent_1",
            "port": 0,
            "var_dir": tmp_path,
            "config_dir": SHIPPED,
        }
        feeds = CallFeeds()
        with capture_logs() as logs:
            bridge = await build_app(read_settings({}, **given), Log(feeds), feeds)
            try:
                await bridge.start()
                async with asyncio.timeout(30):
                    while not any(line["event"] == "agent.tools_differ" for line in logs):
                        await asyncio.sleep(0.02)
                assert bridge.profile.state == "ok"
            finally:
                await bridge.close()
        (alert,) = [line for line in logs if line["event"] == "agent.tools_differ"]
        assert (alert["agent_id"], alert["missing_here"]) == ("agent_1", ["open_door"])
