"""What a call gets: its flow, its agent, its first words."""

from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.bridge.admission import choose_agent, greets, new_call, wanted_agent
from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.greeting_choice import AGENT_GREETS, NOT_GREETED, Greeting
from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.bridge.journey import utc_now
from ivr_bridge.bridge.live_calls import LiveCall
from ivr_bridge.flows.engine import Engine
from ivr_bridge.flows.flow_book import FlowBook
from ivr_bridge.flows.model import Flow, RetryRung
from ivr_bridge.flows.moves import CallBegun, KeyPressed, LanguageChanged
from ivr_bridge.settings import BridgeConfig
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools.registry import ToolRegistry
from ivr_bridge.twilio.call_desk import IncomingCall
from tests.support.front_desk import incoming
from tests.support.virtual_time import run_virtual

MENU = {"kind": "menu", "prompt": "main_menu", "options": {"talk": {"key": 1, "says": "talk", "next": "agent"}},
        "otherwise": "bye"}  # fmt: skip
CACHED_WORDS = Greeting("cached")
NODES: dict[str, Any] = {
    "agent": {"kind": "agent"},
    "other": {"kind": "agent", "agent_id": "agent_2", "language": "zh"},
    "menu": MENU,
    "bye": {"kind": "hang_up"},
}


def flow(start: str = "agent", **more: Any) -> dict[str, Any]:
    return {"numbers": ["*"], "disclosure": False, "start": start, "nodes": NODES, **more}


@dataclass
class FakeProfile:
    """An agent of the environment that was read, or not."""

    read: bool = True
    first_message: str = "Welcome."
    override: bool = True
    asked: tuple[str, str] = ("", "")
    words: Greeting = CACHED_WORDS

    @property
    def agent(self) -> Any:
        return SimpleNamespace(first_message=self.first_message) if self.read else None

    def is_of(self, agent_id: str | None) -> bool:
        return agent_id in (None, "agent_1")

    def language_override(self, language: str) -> bool:
        return self.override and language != "en"

    def greeting(self, mode: str, language: str) -> Greeting:
        self.asked = (mode, language)
        return self.words


def admitted(
    *flows: dict[str, Any], profile: FakeProfile | None = None, call: IncomingCall | None = None, **config: Any
) -> LiveCall:
    book = FlowBook({f"flow_{n}": Flow.model_validate(each) for n, each in enumerate(flows)}, {})
    unused: Any = None
    known: Any = profile or FakeProfile()
    tools = ToolRegistry.from_module(None)
    ivr = Ivr(BridgeConfig(**config), book, Engine(book.flows, {}), unused, known, tools)
    return new_call(ivr, call or incoming(), Log(), 1000.0, utc_now)


def step(live: LiveCall, *happened: Any) -> None:
    async def steps() -> None:
        for each in happened:
            live.journey.step(each)

    run_virtual(steps())


# The flow


def test_the_called_number_chooses_the_flow_which_has_the_first_word_about_everything() -> None:
    ladder = [{"kind": "retry"}]
    with capture_logs() as logs:
        live = admitted(
            flow(numbers=["*"]), flow("menu", numbers=["+15550100002"], language="es", ladder=ladder), language="zh"
        )
    assert [(line["flow"], line["language"]) for line in logs] == [("flow_1", "es")]
    assert (live.journey.state.flow, live.language) == ("flow_1", "es")
    assert dict(live.journey.state.variables) == {
        "caller": "+15550100001",
        "called": "+15550100002",
        "call_sid": incoming().call_sid,
    }
    assert live.ladder().number == 0
    assert live.ladder() is live.ladder()
    assert live.account.begun_at == 1000.0
    assert live.journey.flow.ladder == [RetryRung(kind="retry")]


def test_a_call_that_we_make_begins_where_it_was_asked_to() -> None:
    into = replace(incoming(), flow="flow_1", variables={"name": "Ann", "caller": "+1"})
    live = admitted(flow(numbers=["*"]), flow("menu", numbers=[]), call=into)
    assert live.journey.state.flow == "flow_1"
    assert live.journey.values["name"] == "Ann"
    assert live.journey.values["caller"] == "+15550100001", "what is known of the call is not overwritten"
    gone = admitted(flow(numbers=["*"]), call=replace(into, flow="not_any_more"))
    assert gone.journey.state.flow == "flow_0"


def test_what_the_flow_does_not_say_is_as_in_the_bridges_file() -> None:
    live = admitted(flow(), language="zh")
    choose_agent(live)
    assert live.language == "zh"
    assert live.ivr.profile.asked == ("cached", "zh")  # type: ignore[attr-defined]


def test_a_number_that_no_flow_names_reaches_the_agent() -> None:
    live = admitted(flow(numbers=["+49*"]))
    assert live.journey.state.flow == "builtin"
    assert live.journey.may_need_agent


# The agent


def test_the_calls_language_is_asked_for_where_the_agent_allows_it() -> None:
    assert wanted_agent(admitted(flow(language="es"))).language == "es"
    assert wanted_agent(admitted(flow(language="es"), profile=FakeProfile(override=False))).language is None
    assert wanted_agent(admitted(flow(language="en"))).language is None, "it speaks that anyway"


def test_a_choice_of_flow_or_node_comes_before_the_calls_language() -> None:
    assert wanted_agent(admitted(flow(language="es", agent={"language": "zh"}))).language == "zh"
    other = wanted_agent(admitted(flow("other", language="es")))
    assert (other.agent_id, other.language) == ("agent_2", "zh")


@pytest.mark.parametrize(("switch", "language"), [("agent", None), ("reconnect", "es")])
def test_once_words_were_said_only_a_flow_that_reconnects_asks_for_another_language(
    switch: str, language: str | None
) -> None:
    live = admitted(flow(switch=switch))
    choose_agent(live)
    step(live, CallBegun(), LanguageChanged("es"))
    assert wanted_agent(live).language == "es", "nothing was said: it may still be begun in it"
    live.transcript.heard("Hola.")
    assert wanted_agent(live).language == language


def test_templates_are_filled_for_the_agent() -> None:
    live = admitted(flow(agent={"dynamic_variables": {"who": "{caller} in {language}"}}))
    assert wanted_agent(live).dynamic_variables == {"who": "+15550100001 in en"}


# The first words


def test_an_operators_greeting_is_sent_as_the_first_message() -> None:
    words = Greeting("hello", override="Hello, this is us.")
    live = admitted(flow(greeting="hello"), profile=FakeProfile(words=words))
    choose_agent(live)
    assert live.greeting == words
    assert live.order.first_message == "Hello, this is us."
    assert live.order == wanted_agent(live), "and is no reason for another conversation"
    assert live.ivr.profile.asked == ("hello", "en")  # type: ignore[attr-defined]


def test_a_call_that_begins_with_a_menu_is_not_greeted_by_the_agent() -> None:
    live = admitted(flow("menu"))
    choose_agent(live)
    assert live.greeting == NOT_GREETED


@pytest.mark.parametrize("profile", [FakeProfile(read=False), FakeProfile(first_message="")])
def test_a_greeting_that_there_may_not_be_is_not_waited_for(profile: FakeProfile) -> None:
    live = admitted(flow("menu"), profile=profile)
    choose_agent(live)
    assert live.greeting == AGENT_GREETS
    assert not greets(live, live.order)


def test_the_first_words_of_another_agent_are_its_own_affair() -> None:
    live = admitted(flow("other"))
    choose_agent(live)
    assert live.greeting == AGENT_GREETS
    assert greets(live, AgentOrder(agent_id="agent_1"))
    assert not greets(live, AgentOrder(agent_id="agent_2")), "it was never read"


def test_no_call_is_greeted_twice() -> None:
    live = admitted(flow("menu"))
    step(live, CallBegun(), KeyPressed("1"))
    choose_agent(live)
    assert live.journey.agent_node is not None
    assert live.greeting == NOT_GREETED
