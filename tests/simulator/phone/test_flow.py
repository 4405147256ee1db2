from typing import get_args

from ivr_bridge.simulator.phone.flow import Flow, Outcome
from ivr_bridge.simulator.phone.twiml_reader import TwimlDocument


def test_a_verb_is_followed_by_the_next_by_nothing_or_by_another_document():
    assert set(get_args(Outcome)) == {TwimlDocument, Flow}
    assert {flow.name for flow in Flow} == {"NEXT_VERB", "END"}
