"""Collecting digits: terminator, length, time between two of them.                                             pure"""

from dataclasses import replace

from ivr_bridge.flows.model import DigitsNode
from ivr_bridge.flows.moves import MuteCaller, TellAgent
from ivr_bridge.flows.template import fill
from ivr_bridge.flows.walk import Walk, values

DIGITS = frozenset("0123456789")


def enter(walk: Walk, node: DigitsNode) -> None:
    """Mute the caller towards the agent where the digits are sensitive, and ask for them."""
    if node.sensitive:
        walk.do(MuteCaller(True))
    walk.state = replace(walk.state, tries=1)
    walk.wait("digits")
    walk.say(node.prompt)


def key(walk: Walk, node: DigitsNode, pressed: str) -> None:
    """Take a digit, or the terminator; any other key is passed over. The first digit stops the prompt."""
    if pressed == node.terminator:
        walk.interrupt()
        complete(walk, node)
        return
    if pressed not in DIGITS:
        return
    if not walk.state.digits:
        walk.interrupt()
    walk.state = replace(walk.state, digits=walk.state.digits + pressed)
    walk.be_due(node.wait_s)
    if len(walk.state.digits) >= node.max_digits:
        complete(walk, node)


def complete(walk: Walk, node: DigitsNode) -> None:
    """Keep the number and go on; ask again when it is too short, as long as tries are left."""
    digits = walk.state.digits
    if len(digits) >= node.min_digits:
        walk.keep({node.variable: digits})
        told = fill(node.tell_agent, values(walk.state))
        walk.go(node.next)
        if told:
            walk.do(TellAgent(told))
        return
    if walk.state.tries >= node.tries:
        walk.go(node.otherwise)
        return
    walk.state = replace(walk.state, digits="", tries=walk.state.tries + 1)
    walk.say(node.no_input, node.prompt)
