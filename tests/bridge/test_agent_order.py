from dataclasses import replace

import pytest

from ivr_bridge.bridge.agent_order import AgentOrder, order
from ivr_bridge.flows.model import AgentChoice, AgentNode, SecondAgentRung

VALUES = {"caller": "+15550100", "account": "80012", "language": "es"}


def node(**fields: object) -> AgentNode:
    return AgentNode.model_validate({"kind": "agent", **fields})


def choice(**fields: object) -> AgentChoice:
    return AgentChoice.model_validate(fields)


def test_a_flow_that_chooses_nothing_orders_what_the_environment_says() -> None:
    assert order(AgentChoice(), None, VALUES, None) == AgentOrder()


def test_the_nodes_word_wins_and_the_rest_is_the_flows() -> None:
    flow = choice(
        agent_id="agent_flow", overrides={"tts": {"speed": 1}, "agent": {"a": 1}}, dynamic_variables={"who": "{caller}"}
    )
    entered = node(agent_id="agent_node", overrides={"agent": {"b": 2}}, dynamic_variables={"number": "No. {account}"})
    made = order(flow, entered, VALUES, None)
    assert made.agent_id == "agent_node"
    assert made.overrides == {"tts": {"speed": 1}, "agent": {"b": 2}}
    assert made.dynamic_variables == {"who": "+15550100", "number": "No. 80012"}
    assert order(flow, node(), VALUES, None).agent_id == "agent_flow"


def test_an_unknown_variable_is_empty() -> None:
    assert order(choice(dynamic_variables={"x": "<{nothing}>"}), None, VALUES, None).dynamic_variables == {"x": "<>"}


@pytest.mark.parametrize(
    ("of_flow", "of_node", "of_call", "ordered"),
    [
        (None, None, None, None),
        (None, None, "es", "es"),
        ("en", None, "es", "en"),
        ("en", "zh", "es", "zh"),
        (None, "zh", None, "zh"),
    ],
)
def test_the_language(of_flow: str | None, of_node: str | None, of_call: str | None, ordered: str | None) -> None:
    assert order(choice(language=of_flow), node(language=of_node), {}, of_call).language == ordered  # type: ignore[arg-type]


def test_a_rung_changes_what_it_names_and_nothing_else() -> None:
    made = AgentOrder(agent_id="agent_1", overrides={"a": 1}, language="es")
    elsewhere = SecondAgentRung(kind="agent", base_url="https://eu.example")
    another = SecondAgentRung(kind="agent", agent_id="agent_2")
    assert made.instead(elsewhere) == replace(made, base_url="https://eu.example")
    assert made.instead(another) == replace(made, agent_id="agent_2")


def test_first_words_make_no_other_order_but_everything_else_does() -> None:
    made = AgentOrder(agent_id="agent_1")
    assert replace(made, first_message="Hello") == made
    assert replace(made, language="es") != made
    assert replace(made, dynamic_variables={"a": "b"}) != made


def test_what_a_caller_keyed_in_is_not_in_its_repr() -> None:
    assert "80012" not in repr(order(choice(dynamic_variables={"n": "{account}"}), None, VALUES, None))
