import shutil
from pathlib import Path

import pytest

from ivr_bridge.agents.wanted import read_wanted
from ivr_bridge.errors import ConfigError

SHIPPED = Path(__file__).parent.parent.parent / "config"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "config")
    return tmp_path / "config"


def test_the_shipped_agent_and_its_tools(config: Path) -> None:
    wanted = read_wanted(config)
    (agent,) = wanted.agents
    assert agent.name == "desk"
    assert "the Harbour Kitchen" in agent.document["conversation_config"]["agent"]["prompt"]["prompt"]
    assert {tool.name for tool in wanted.tools} == set(agent.tools)
    assert "book_table" in agent.tools
    assert {tool.config["response_timeout_secs"] for tool in wanted.tools} == {20}
    (booking,) = (tool.config for tool in wanted.tools if tool.name == "book_table")
    assert booking["parameters"]["properties"].keys() == {"people", "day", "time"}
    assert all("call" not in tool.config["parameters"]["properties"] for tool in wanted.tools), "ours, not the agent's"


def test_only_tools_that_are_named_and_knowledge_with_its_mark(config: Path) -> None:
    (config / "knowledge").mkdir(exist_ok=True)
    (config / "knowledge" / "prices.md").write_text("Soup: 4 euros.")
    with (config / "agents" / "desk.yaml").open("a") as file:
        file.write("tools: [hang_up]\n")
    text = (config / "agents" / "desk.yaml").read_text().replace("knowledge: []", "knowledge: [prices]")
    (config / "agents" / "desk.yaml").write_text(text)
    wanted = read_wanted(config)
    assert [tool.name for tool in wanted.tools] == ["hang_up"]
    assert wanted.documents["prices"].usage_mode == "auto"
    assert len(wanted.documents["prices"].mark.content_hash) == 12


def test_what_check_calls_a_problem_is_refused(config: Path) -> None:
    with (config / "agents" / "desk.yaml").open("a") as file:
        file.write("tools: [open_door]\n")
    with pytest.raises(ConfigError, match="no handler 'open_door'"):
        read_wanted(config)


def test_no_agent_at_all(config: Path) -> None:
    shutil.rmtree(config / "agents")
    with pytest.raises(ConfigError, match="holds no agent"):
        read_wanted(config)
