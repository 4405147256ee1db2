"""Which first words a call gets: a table of mode, agent, and what has been rendered."""

import pytest

from ivr_bridge.bridge.greeting_choice import AGENT_GREETS, FIRST_MESSAGE, Greeting, choose
from ivr_bridge.elevenlabs.rest.agents import Agent
from ivr_bridge.speech.prompt import Prompt

OWN = Prompt("greeting", "en", "Hi, I am Ann.", b"\xff" * 160)
OURS = Prompt("welcome", "en", "Welcome.", b"\xff" * 160)
TOLD = 'The caller has already been greeted with: "Welcome."'


def agent(*allowed: str) -> Agent:
    return Agent(
        agent_id="agent_1", name="Ann", first_message="Hi, I am Ann.", language="en", voice_id="v", model_id="m",
        voice_settings={}, input_format="ulaw_8000", output_format="ulaw_8000", allowed_overrides=frozenset(allowed),
        client_events=(),
    )  # fmt: skip


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
