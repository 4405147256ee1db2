"""What happens when a call arrives at a node, for each kind of node.                                           pure"""

import re
from dataclasses import replace

from ivr_bridge.flows import calling_back, collecting, language_choice, menus, putting_through
from ivr_bridge.flows.model import (
    AgentNode,
    CallbackNode,
    ConditionNode,
    DigitsNode,
    FlowNode,
    HangUpNode,
    HoursNode,
    HttpNode,
    LanguageNode,
    MenuNode,
    PromptNode,
    SetNode,
    TransferNode,
    VoicemailNode,
)
from ivr_bridge.flows.moves import AskHttp, TakeVoicemail
from ivr_bridge.flows.template import fill, fill_header, fill_json, fill_url
from ivr_bridge.flows.walk import Walk, values

NODES_WITHOUT_WAIT = 100
"""More in one step is a loop that nobody would ever hear the end of."""
NODES_IN_SILENCE = 200
"""More without a sign of life of caller or agent is a line that nobody holds any more; a checked flow has no circle
for it, but a ladder may lead back into a menu round after round."""


def settle(walk: Walk) -> None:
    """Enter nodes until the call waits for something or is over."""
    while walk.arriving:
        walk.arriving = False
        passed, silent = walk.state.steps_without_wait + 1, walk.state.nodes_in_silence + 1
        walk.state = replace(walk.state, steps_without_wait=passed, nodes_in_silence=silent)
        if passed > NODES_WITHOUT_WAIT or silent > NODES_IN_SILENCE:
            walk.hang_up("no_way_out")
        else:
            _arrive(walk)


def _arrive(walk: Walk) -> None:
    match walk.node:
        case PromptNode() as node:
            walk.wait("prompt")
            walk.say(node.prompt)
        case MenuNode() as node:
            menus.enter(walk, node)
        case AgentNode() as node:
            walk.talk(node, fill(node.told, values(walk.state)))
        case DigitsNode() as node:
            collecting.enter(walk, node)
        case LanguageNode() as node:
            language_choice.enter(walk, node)
        case CallbackNode() as node:
            calling_back.enter(walk, node)
        case HttpNode() as node:
            _ask(walk, node)
        case TransferNode() as node:
            putting_through.enter(walk, node)
        case VoicemailNode() | HangUpNode() as node:
            _part(walk, node)
        case HoursNode() | SetNode() | ConditionNode() | FlowNode() as node:
            _pass(walk, node)


def _pass(walk: Walk, node: HoursNode | SetNode | ConditionNode | FlowNode) -> None:
    match node:
        case HoursNode():
            walk.go(walk.book.branch(node, walk.now.wall))
        case SetNode():
            walk.keep({node.variable: fill(node.value, values(walk.state))})
            walk.go(node.next)
        case ConditionNode():
            walk.go(node.then if holds(node, values(walk.state).get(node.variable, "")) else node.otherwise)
        case FlowNode():
            walk.go(walk.book.flows[node.flow].start, node.flow)


def holds(node: ConditionNode, value: str) -> bool:
    """Whether a value fits the condition's one question."""
    if node.equals is not None:
        return value == node.equals
    if node.one_of is not None:
        return value in node.one_of
    return node.matches is not None and re.fullmatch(node.matches, value) is not None


def _ask(walk: Walk, node: HttpNode) -> None:
    known, environ = values(walk.state), walk.book.environ
    walk.do(
        AskHttp(
            flow=walk.state.flow,
            node=walk.state.node,
            url=fill_url(node.url, known),
            headers={name: fill_header(value, known, environ) for name, value in node.headers.items()},
            body=fill_json(node.body, known),
        )
    )
    walk.wait("http")


def _part(walk: Walk, node: VoicemailNode | HangUpNode) -> None:
    match node:
        case VoicemailNode():
            _say_last(walk, None)
            walk.do(TakeVoicemail(node.prompt, node.max_s, node.record, node.silence_s))
            walk.wait("over")
        case HangUpNode():
            if node.prompt is not None:
                _say_last(walk, node.prompt)
            walk.hang_up()


def _say_last(walk: Walk, prompt: str | None) -> None:
    if prompt is None:
        walk.disclose()
    else:
        walk.say(prompt, then_report=False)
