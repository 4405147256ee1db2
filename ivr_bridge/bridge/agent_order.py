"""Which agent is dialled, and how it is begun.                                                         pure"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ivr_bridge.flows.model import AgentChoice, Language, SecondAgentRung
from ivr_bridge.flows.template import fill

LANGUAGE = "agent.language"
"""As `Agent.allowed_overrides` names it."""


@dataclass(frozen=True, slots=True)
class AgentOrder:
    """One conversation to be opened; None and empty mean: as in the environment and in `config/bridge.yaml`."""

    agent_id: str | None = None
    base_url: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    dynamic_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    first_message: str | None = field(default=None, compare=False)
    """Of the call's beginning; another conversation is no other order for it."""
    language: Language | None = None

    def instead(self, rung: SecondAgentRung) -> "AgentOrder":
        """The same order, for another agent or at another host."""
        return replace(self, agent_id=rung.agent_id or self.agent_id, base_url=rung.base_url or self.base_url)

    def all_variables(self, shared: Mapping[str, str], call: Mapping[str, str]) -> dict[str, str]:
        """Every dynamic variable of the conversation; the flow's word wins.

        Args:
            shared: name in the agent -> name in `call`, as in `config/bridge.yaml`.
            call: `caller`, `called` and `call_sid`.
        """
        return {name: call[what] for name, what in shared.items()} | dict(self.dynamic_variables)

    def all_overrides(self, shared: Mapping[str, object]) -> dict[str, object]:
        """`shared` (of `config/bridge.yaml`), the flow's and the call's language, joined one field by one."""
        merged: dict[str, object] = dict(shared)
        wanted: list[dict[str, object]] = [dict(self.overrides)]
        if self.language is not None:
            wanted.append({"agent": {"language": self.language}})
        for overrides in wanted:
            for section, fields in overrides.items():
                before = merged.get(section)
                joined = isinstance(before, dict) and isinstance(fields, dict)
                merged[section] = {**before, **fields} if joined else fields  # type: ignore[dict-item]
        return merged


def order(
    flow: AgentChoice, node: AgentChoice | None, variables: Mapping[str, str], language: Language | None
) -> AgentOrder:
    """What a flow and one of its agent nodes choose; the node's word wins.

    Args:
        flow: the flow's `agent`.
        node: the agent node that is entered; None before there is one.
        variables: the call's, for templates.
        language: of the call where the agent lets it be overridden; else None.
    """
    own = node or AgentChoice()
    templates = {**flow.dynamic_variables, **own.dynamic_variables}
    return AgentOrder(
        agent_id=own.agent_id or flow.agent_id,
        overrides={**flow.overrides, **own.overrides},
        dynamic_variables={name: fill(text, variables) for name, text in templates.items()},
        language=own.language or flow.language or language,
    )
