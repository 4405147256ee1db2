"""What `ivr-bridge check` says of agents; the faults that one file has by itself stand in fixtures/broken_config."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from ivr_bridge.agents.agent_faults import Surroundings, check_agents, flow_documents
from ivr_bridge.agents.handlers import Handler
from ivr_bridge.config_file import Problem, load_document
from tests.agents.house import PEOPLE, handler

DESK = "name: Desk\nprompt: Be kind.\nfirst_message:\n  en: Hello.\n"
FLOW = "numbers: ['*']\nstart: talk\nnodes:\n  talk:\n    kind: agent\n"


class Bridge(BaseModel):
    overrides: Any = {}
    dynamic_variables: Any = {}
    tool_timeout_s: Any = 15


def told(
    folder: Path,
    desk: str = DESK,
    *,
    handlers: tuple[Handler, ...] | None = (),
    knowledge: frozenset[str] | None = frozenset(),
    bridge: str | None = "{}",
    flow: str | None = None,
) -> list[Problem]:
    (folder / "agents").mkdir(exist_ok=True)
    (folder / "agents" / "desk.yaml").write_text(desk)
    if flow is not None:
        (folder / "flows").mkdir(exist_ok=True)
        (folder / "flows" / "main.yaml").write_text(flow)
        (folder / "flows" / "broken.yaml").write_text("[")
    document = None
    if bridge is not None:
        (folder / "bridge.yaml").write_text(bridge)
        document = load_document(folder / "bridge.yaml", Bridge)
    return check_agents(folder, Surroundings(handlers, knowledge, document, flow_documents(folder)))


def only(problems: list[Problem]) -> tuple[str, int, str, str]:
    (problem,) = problems
    assert problem.remedy
    return Path(problem.file).name, problem.line, problem.severity, problem.text


def test_nothing_is_wrong(tmp_path: Path) -> None:
    assert told(tmp_path, handlers=(handler("hang_up"),), flow=FLOW) == []
    assert check_agents(tmp_path / "empty", Surroundings((), frozenset(), None)) == []


def test_a_tool_without_a_handler(tmp_path: Path) -> None:
    desk = DESK + "tools:\n  - hang_up\n  - open_door\n"
    file, line, severity, text = only(told(tmp_path, desk, handlers=(handler("hang_up"),)))
    assert (file, line, severity) == ("desk.yaml", 7, "error")
    assert "no handler 'open_door'" in text
    assert told(tmp_path, desk, handlers=None) == [], "nothing is known of handlers"


@pytest.mark.parametrize(("tools", "line"), [("", 1), ("tools: [odd]\n", 5)])
def test_a_handler_that_the_vendor_cannot_be_told_of(tmp_path: Path, tools: str, line: int) -> None:
    odd = handler("odd", things={"type": "object"})
    file, at, severity, text = only(told(tmp_path, DESK + tools, handlers=(odd,)))
    assert (file, at, severity) == ("desk.yaml", line, "error")
    assert "my_tools.odd" in text
    assert "things" in text
    assert told(tmp_path, DESK + "tools: []\n", handlers=(odd, handler("fine", people=PEOPLE))) == []


def test_knowledge_that_is_not_there(tmp_path: Path) -> None:
    desk = DESK + "knowledge: [prices, pries]\n"
    file, line, _, text = only(told(tmp_path, desk, knowledge=frozenset({"prices"})))
    assert (file, line) == ("desk.yaml", 5)
    assert "'pries'" in text
    assert told(tmp_path, desk, knowledge=None) == []


def test_a_variable_that_nobody_fills(tmp_path: Path) -> None:
    desk = DESK.replace("Be kind.", "'Hi {{name}} {{caller}}'")
    file, line, severity, text = only(told(tmp_path, desk, bridge="dynamic_variables: {caller: caller}"))
    assert (file, line, severity) == ("desk.yaml", 2, "error")
    assert "{{name}}" in text
    assert told(tmp_path, desk, bridge=None) == []
    assert told(tmp_path, desk, bridge="dynamic_variables: [broken]") == []
    flow = FLOW + "    dynamic_variables: {name: x}\nagent:\n  dynamic_variables: {caller: '{caller}'}\n"
    assert told(tmp_path, desk, flow=flow) == []


def test_one_that_has_a_placeholder_is_a_warning(tmp_path: Path) -> None:
    desk = DESK.replace("Hello.", "Hi {{name}}") + "placeholders: {name: Anna}\n"
    assert only(told(tmp_path, desk))[:3] == ("desk.yaml", 4, "warning")


def test_an_override_that_no_agent_allows(tmp_path: Path) -> None:
    bridge = "overrides:\n  tts: {speed: 1.1}\n  agent: {language: es}\n"
    file, line, severity, text = only(told(tmp_path, bridge=bridge))
    assert (file, line, severity) == ("bridge.yaml", 1, "warning")
    assert text.startswith("tts.speed is sent")
    assert told(tmp_path, DESK + "allowed_overrides: [tts.speed, agent.language]\n", bridge=bridge) == []


def test_an_override_of_a_flow(tmp_path: Path) -> None:
    flow = FLOW + "    overrides: {agent: {prompt: {llm: x}}}\n    language: es\n"
    desk = DESK + "allowed_overrides: []\n"
    problems = told(tmp_path, desk, flow=flow)
    assert [(problem.line, problem.text.partition(" ")[0]) for problem in problems] == [
        (6, "agent.prompt.llm"),
        (7, "agent.language"),
    ]
    assert told(tmp_path, desk, flow=flow + "    agent_id: somebody_elses\n") == []


def test_languages_that_flows_speak(tmp_path: Path) -> None:
    ask = "  ask:\n    kind: language\n    prompt: p\n    options: {1: en, 2: zh}\n    next: talk\n"
    flow = "language: es\n" + FLOW.replace("start: talk", "start: ask") + ask
    file, line, severity, text = only(told(tmp_path, DESK + "allowed_overrides: []\n", flow=flow))
    assert (file, line, severity) == ("desk.yaml", 5, "warning")
    assert "flows speak es, zh" in text
    assert told(tmp_path, flow=flow) == []


def test_another_format_than_a_telephones(tmp_path: Path) -> None:
    problems = told(tmp_path, DESK + "audio:\n  input: pcm_8000\n  output: pcm_16000\n")
    assert [(problem.line, problem.severity) for problem in problems] == [(6, "warning"), (7, "warning")]


@pytest.mark.parametrize(
    ("limit", "wrong"), [("115", False), ("116", True), ("120", True), ("900", False), ("x", False)]
)
def test_a_time_limit_that_is_longer_than_the_agents(tmp_path: Path, limit: str, wrong: bool) -> None:
    problems = told(tmp_path, bridge=f"tool_timeout_s: {limit}")
    assert [(Path(problem.file).name, problem.severity) for problem in problems] == [("bridge.yaml", "error")] * wrong


def test_what_is_wrong_with_a_file_by_itself_is_told_once(tmp_path: Path) -> None:
    problems = told(tmp_path, DESK.replace("Be kind.", "Be ${who}."))
    assert ["${who} has no value" in problem for problem in problems] == [True]
    assert len(told(tmp_path, "name: 3\n")) >= 2
