"""What a call gets when it is admitted: its flow, its agent, its first words."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.agent_order import AgentOrder, order
from ivr_bridge.bridge.greeting_choice import AGENT_GREETS, NOT_GREETED, Greeting
from ivr_bridge.bridge.ivr import Ivr
from ivr_bridge.bridge.journey import Journey
from ivr_bridge.bridge.live_calls import LiveCall
from ivr_bridge.language import Language
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import IncomingCall


def new_call(ivr: Ivr, call: IncomingCall, log: Log, begun_at: float, wall: Callable[[], datetime]) -> LiveCall:
    """A call that came in, at the beginning of its own flow or the called number's.

    A flow that is not there any more gives way to the one of the number.
    """
    name = call.flow if call.flow is not None and call.flow in ivr.book.flows else ivr.book.flow_for(call.called)
    flow = ivr.book.flows[name]
    variables = {**call.variables, "caller": call.caller, "called": call.called, "call_sid": call.call_sid}
    journey = Journey(ivr.engine, name, flow.language or ivr.config.language, variables, log, wall=wall)
    return LiveCall(call, ivr, journey, {}, log, CallAccount(begun_at))


def choose_agent(live: LiveCall) -> None:
    """Which agent is dialled for its next stream, and what that begins with."""
    live.order = wanted_agent(live)
    live.greeting = _first_words(live)
    if live.greeting.override is not None:
        live.order = replace(live.order, first_message=live.greeting.override)


def wanted_agent(live: LiveCall) -> AgentOrder:
    """The agent that the call wants where it stands.

    Once words were said, a flow with `switch: agent` leaves the language of the conversation to the agent.
    """
    journey = live.journey
    language: Language | None = journey.language
    if live.transcript and journey.flow.switch == "agent":
        language = live.order.language
    elif not live.ivr.profile.language_override(journey.language):
        language = None
    return order(journey.flow.agent, journey.agent_node, journey.values, language)


def greets(live: LiveCall, wanted: AgentOrder) -> bool:
    """Whether that agent has first words of its own, as far as is known."""
    profile = live.ivr.profile
    return profile.agent is not None and profile.is_of(wanted.agent_id) and bool(profile.agent.first_message)


def _first_words(live: LiveCall) -> Greeting:
    """The agent's, if the call begins with the agent; those of an agent that was not read are its own affair."""
    journey, profile = live.journey, live.ivr.profile
    if journey.state.began or journey.agent_node is None:
        return NOT_GREETED if greets(live, live.order) else AGENT_GREETS
    if not profile.is_of(live.order.agent_id):
        return AGENT_GREETS
    return profile.greeting(journey.flow.greeting or live.ivr.config.greeting, live.language)
