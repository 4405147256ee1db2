"""Verbs see of a leg what the protocol names, and every kind of leg has all of it."""

from ivr_bridge.simulator.phone.call_side import CallSide
from ivr_bridge.simulator.phone.network import Network
from ivr_bridge.simulator.phone.outbound_call import OutboundCall, OutboundOrder

from .test_network import line
from .test_outbound_call import STAYS, say


async def test_a_leg_has_all_that_a_verb_asks_for():
    leg = OutboundCall(Network(line()), OutboundOrder("+1", "+2"), STAYS, say("Hi."))
    named = set(CallSide.__annotations__) | {name for name in vars(CallSide) if not name.startswith("_")}
    assert {"ear", "ask", "start_beside", "account"} <= named
    assert [name for name in named if not hasattr(leg, name)] == []
    await leg.webhooks._session.close()
