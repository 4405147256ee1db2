"""Which first words a call gets, decided when its agent is dialled."""

from dataclasses import dataclass

from ivr_bridge.elevenlabs.rest.agents import Agent
from ivr_bridge.speech.prompt import Prompt

FIRST_MESSAGE = "agent.first_message"
CACHED = "cached"
AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Greeting:
    """`prompt` is played at the stream's start; with None the agent's own audio is.

    `override` is sent as the agent's `first_message`; `told` as a fact where the override is not allowed. The gate
    is shut where a prompt stands for the agent's own greeting.
    """

    name: str
    prompt: Prompt | None = None
    override: str | None = None
    told: str = ""
    unwanted: bool = False
    """The call does not begin with the agent: its greeting is heard by nobody."""

    @property
    def gate_shut(self) -> bool:
        """Whether the agent's own greeting audio is dropped."""
        return self.prompt is not None or self.unwanted


AGENT_GREETS = Greeting("")
"""The agent's own; named `agent` in the account when its audio goes out."""

NOT_GREETED = Greeting("", unwanted=True)
"""The flow begins with words of its own."""


def choose(mode: str, agent: Agent | None, first_message: Prompt | None, operators: Prompt | None) -> Greeting:
    """The greeting for `mode`: `cached`, `agent`, or the name of an operator's prompt.

    Args:
        mode: from `config/bridge.yaml`.
        agent: what could be read of the agent; None while it cannot be.
        first_message: the agent's first message in its own voice, when it has been rendered.
        operators: the prompt that `mode` names, when it has been rendered.

    What is not ready falls back to the agent's own greeting, never to silence.
    """
    if mode == AGENT or agent is None:
        return AGENT_GREETS if mode == AGENT or operators is None else _operators(mode, operators, None)
    if mode == CACHED:
        return AGENT_GREETS if first_message is None else Greeting(CACHED, first_message)
    return AGENT_GREETS if operators is None else _operators(mode, operators, agent)


def _operators(name: str, prompt: Prompt, agent: Agent | None) -> Greeting:
    if agent is not None and FIRST_MESSAGE in agent.allowed_overrides:
        return Greeting(name, prompt, override=prompt.text)
    return Greeting(name, prompt, told=f'The caller has already been greeted with: "{prompt.text}"')
