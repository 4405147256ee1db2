"""What an agent is told of a caller whom the vendor answers itself: the same as if the call came through us."""

from collections.abc import Callable

from ivr_bridge.bridge.agent_order import order
from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.elevenlabs.webhooks.routes import Introduction, RingingCall
from ivr_bridge.flows.model import AgentNode


class CallerDesk:
    """The `CallerData` of elevenlabs/.

    Args:
        ivr: the configuration that a new call gets.
    """

    def __init__(self, ivr: Callable[[], Ivr]) -> None:
        self._ivr = ivr

    def introduce(self, call: RingingCall) -> Introduction:
        """By the called number's flow, as far as it can be told before anybody has spoken.

        The language goes along where the agent that asks is ours, speaks another one and lets it be overridden: else
        the vendor would end the call.
        """
        ivr = self._ivr()
        name = ivr.book.flow_for(call.called)
        flow = ivr.book.flows[name]
        language = flow.language or ivr.config.language
        known = {"caller": call.caller, "called": call.called, "call_sid": call.call_sid}
        begun = ivr.engine.begin(name, language, known)
        node = ivr.engine.node(begun)
        profile = ivr.profile
        spoken = language if profile.is_of(call.agent_id) and profile.language_override(language) else None
        wanted = order(flow.agent, node if isinstance(node, AgentNode) else None, ivr.engine.values(begun), spoken)
        return Introduction(
            dynamic_variables=wanted.all_variables(ivr.config.dynamic_variables, known),
            overrides=wanted.all_overrides(ivr.config.overrides),
            flow=name,
        )
