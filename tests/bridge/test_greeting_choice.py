"""Which first words a call gets: a table of mode, agent, and what has been rendered."""

from typing import Any

import pytest

from ivr_bridge.bridge.greeting_choice import AGENT_GREETS, FIRST_MESSAGE, Greeting, choose
from ivr_bridge.elevenlabs.rest.agents import Agent
from ivr_bridge.speech.prompt import Prompt

OWN = Prompt("greeting", "en", "Hi, I am Ann.", b"\xff" * 160)
OURS = Prompt("welcome", "en", "Welcome.", b"\xff" * 160)
TOLD = 'The caller has already been greeted with: "Welcome."'


def agent(*allowed: str) -> Agent:
    overrides: dict[str, Any] = {}
    for name in allowed:
        section, _, field = name.partition(".")
        overrides[section] = {field: True}
    return Agent(
        agent_id="agent_1",
        conversation_config={"agent": {"first_message": "Hi, I am Ann.", "language": "en"}},
        platform_settings={"overrides": {"conversation_config_override": overrides}},
    )


@pytest.mark.parametrize(
    ("mode", "known", "first_message", "operators", "expected"),
    [
        ("agent", agent(), OWN, None, AGENT_GREETS),
        ("agent", None, None, None, AGENT_GREETS),
        ("cached", agent(), OWN, None, Greeting("cached", OWN)),
        ("cached", agent(), None, None, AGENT_GREETS),
        ("cached", None, None, None, AGENT_GREETS),
        ("welcome", agent(FIRST_MESSAGE), OWN, OURS, Greeting("welcome", OURS, override="Welcome.")),
        ("welcome", agent(), OWN, OURS, Greeting("welcome", OURS, told=TOLD)),
        ("welcome", agent("agent.prompt"), OWN, OURS, Greeting("welcome", OURS, told=TOLD)),
        ("welcome", None, None, OURS, Greeting("welcome", OURS, told=TOLD)),
        ("welcome", agent(FIRST_MESSAGE), OWN, None, AGENT_GREETS),
        ("welcome", None, None, None, AGENT_GREETS),
    ],
)
def test_choice(
    mode: str, known: Agent | None, first_message: Prompt | None, operators: Prompt | None, expected: Greeting
) -> None:
    chosen = choose(mode, known, first_message, operators)
    assert chosen == expected
    assert chosen.gate_shut is (chosen.prompt is not None), "one greeting: ours, or the agent's own"
    assert not (chosen.override and chosen.told)
