"""Who uses a document or a tool.                                                                            pure

Source: https://elevenlabs.io/docs/api-reference/knowledge-base/get-agents
"""

from ivr_bridge.elevenlabs.rest.answer import Answer


class DependentAgent(Answer):
    """An agent that uses it; one that the key may not see has an id and no name."""

    id: str
    name: str = ""
    type: str = "available"
    """`available`, or `unknown`: of somebody else in the workspace."""


class DependentAgentsPage(Answer):
    """One page of them."""

    agents: tuple[DependentAgent, ...]
    next_cursor: str | None = None
    has_more: bool | None = None
