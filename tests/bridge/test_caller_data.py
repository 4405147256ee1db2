"""What a native caller's agent is told is what it would be told if the call came through us."""

from types import SimpleNamespace
from typing import Any

import pytest

from ivr_bridge.bridge.caller_data import CallerDesk
from ivr_bridge.elevenlabs.webhooks.routes import Introduction, RingingCall
from ivr_bridge.flows.engine import Engine
from ivr_bridge.flows.flow_book import FlowBook
from ivr_bridge.flows.model import Flow
from ivr_bridge.settings import BridgeConfig

CALLER, SPANISH, OTHER = "+15550100001", "+15550100002", "+15550100003"


class FakeProfile:
    """An agent that speaks English, and perhaps lets itself be told otherwise."""

    def __init__(self, overridable: bool = True) -> None:
        self._overridable = overridable

    def is_of(self, agent_id: str | None) -> bool:
        return agent_id in (None, "agent_1")

    def language_override(self, language: str) -> bool:
        return self._overridable and language != "en"


def flow(**given: Any) -> Flow:
    node = {"kind": "agent", "dynamic_variables": {"node": "at {language}"}}
    known = {"start": "talk", "nodes": {"talk": node}, "agent": {"dynamic_variables": {"who": "a guest of {called}"}}}
    return Flow.model_validate({**known, **given})


def introduced(
    call: RingingCall | None = None,
    profile: FakeProfile | None = None,
    flows: dict[str, Flow] | None = None,
    **config: Any,
) -> Introduction:
    book = FlowBook(flows if flows is not None else {"desk": flow(numbers=[SPANISH], language="es")}, {})
    engine = Engine(book.flows, {})
    ivr: Any = SimpleNamespace(
        config=BridgeConfig(**config), book=book, engine=engine, profile=profile or FakeProfile()
    )
    return CallerDesk(lambda: ivr).introduce(call or RingingCall(CALLER, SPANISH, "CA1", "agent_1"))


def test_all_that_bridge_and_flow_want():
    told = introduced(
        dynamic_variables={"number": "caller", "line": "called", "sid": "call_sid", "who": "caller"},
        overrides={"agent": {"max_tokens": 9}, "tts": {"speed": 1.1}},
    )
    assert told.dynamic_variables == {
        "number": CALLER,
        "line": SPANISH,
        "sid": "CA1",
        "who": f"a guest of {SPANISH}",
        "node": "at es",
    }
    assert told.overrides == {"agent": {"max_tokens": 9, "language": "es"}, "tts": {"speed": 1.1}}
    assert told.flow == "desk"


def test_a_number_without_a_flow_gets_what_bridge_has():
    told = introduced(RingingCall(CALLER, OTHER, "CA1", "agent_1"), dynamic_variables={"number": "caller"})
    assert (told.dynamic_variables, told.overrides, told.flow) == ({"number": CALLER}, {}, "builtin")


@pytest.mark.parametrize(
    ("agent_id", "overridable", "sent"),
    [("agent_1", True, True), ("agent_1", False, False), ("agent_2", True, False), ("", True, False)],
)
def test_a_language_is_only_sent_to_an_agent_that_allows_it(agent_id: str, overridable: bool, sent: bool):
    told = introduced(RingingCall(CALLER, SPANISH, "CA1", agent_id), FakeProfile(overridable))
    assert told.overrides == ({"agent": {"language": "es"}} if sent else {})


def test_a_flow_that_begins_with_a_menu_has_its_own_agent():
    menu = {"kind": "menu", "prompt": "main_menu", "options": {"a": {"key": 1, "says": "a", "next": "talk"}}}
    menu["otherwise"] = "talk"
    talk = {"kind": "agent", "dynamic_variables": {"node": "never"}}
    with_menu = flow(numbers=["*"], start="menu", nodes={"menu": menu, "talk": talk})
    assert introduced(flows={"desk": with_menu}).dynamic_variables == {"who": f"a guest of {SPANISH}"}


def test_a_new_configuration_counts_at_once():
    book = FlowBook({}, {})
    ivr: Any = SimpleNamespace(book=book, engine=Engine(book.flows, {}), profile=FakeProfile(), config=BridgeConfig())
    desk = CallerDesk(lambda: ivr)
    call = RingingCall(CALLER, OTHER, "CA1", "agent_1")
    assert desk.introduce(call).dynamic_variables == {}
    ivr.config = BridgeConfig(dynamic_variables={"number": "caller"})
    assert desk.introduce(call).dynamic_variables == {"number": CALLER}
