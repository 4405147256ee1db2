"""What each input does to a call, by where the call stands.                                                    pure

An input that the state does not look for does nothing: it is late, doubled, or meant for another node.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ivr_bridge.flows import calling_back, collecting, language_choice, menus, putting_through
from ivr_bridge.flows.model import (
    PERSON_KEY,
    AgentNode,
    CallbackNode,
    DigitsNode,
    HttpNode,
    LanguageNode,
    MenuNode,
    PromptNode,
    TransferNode,
)
from ivr_bridge.flows.moves import (
    AgentEnded,
    AgentGone,
    CallbackKept,
    CallBegun,
    CallerSaid,
    CloseMenu,
    DialEnded,
    FlowInput,
    HttpAnswered,
    KeyPressed,
    LanguageChanged,
    MachineAnswered,
    MenuAsked,
    OptionChosen,
    PromptsPlayed,
    SentTo,
    StreamResumed,
    TimePassed,
    TransferAsked,
)
from ivr_bridge.flows.walk import Walk

KEYS = frozenset("0123456789*#")
SIGNS_OF_LIFE = (KeyPressed, CallerSaid, OptionChosen, MenuAsked, LanguageChanged, AgentEnded)
"""After one of these somebody is there."""


def take(walk: Walk, happened: FlowInput) -> None:
    """Do what an input asks for; the walk may then want to arrive somewhere."""
    if isinstance(happened, SIGNS_OF_LIFE):
        walk.state = replace(walk.state, nodes_in_silence=0)
    _TAKE[type(happened)](walk, happened)


def _begun(walk: Walk, _: CallBegun) -> None:
    if not walk.state.began:
        walk.state = replace(walk.state, began=True)
        walk.go(walk.state.node)


def _resumed(walk: Walk, _: StreamResumed) -> None:
    if not walk.state.began:
        _begun(walk, CallBegun())
    elif walk.state.waiting in {"prompt", "key", "digits", "agent", "callback"}:
        walk.go(walk.state.node)


def _pressed(walk: Walk, happened: KeyPressed) -> None:
    if happened.key not in KEYS:
        return
    match walk.state.waiting, walk.node:
        case "prompt", PromptNode() as node:
            menus.key_ahead(walk, node, happened.key)
        case "key", MenuNode() as node:
            menus.key(walk, node, happened.key)
        case "key", LanguageNode() as node:
            language_choice.key(walk, node, happened.key)
        case "digits", DigitsNode() as node:
            collecting.key(walk, node, happened.key)
        case (("key" | "digits"), CallbackNode() as node):
            calling_back.key(walk, node, happened.key)
        case "agent", AgentNode() if happened.key == PERSON_KEY and walk.flow.person is not None:
            walk.interrupt()
            walk.go(walk.flow.person)


def _played(walk: Walk, _: PromptsPlayed) -> None:
    match walk.state.waiting, walk.node:
        case "prompt", PromptNode() as node:
            walk.go(node.next)
        case "key", (MenuNode() | LanguageNode()) as node if not walk.state.conversing and walk.state.due_at is None:
            walk.be_due(node.wait_s)
        case "digits", DigitsNode() as node if walk.state.due_at is None:
            walk.be_due(node.first_wait_s)
        case (("key" | "digits"), CallbackNode() as node) if walk.state.due_at is None:
            walk.be_due(node.wait_s)
        case "prompt", CallbackNode() as node:
            walk.go(node.next)


def _passed(walk: Walk, _: TimePassed) -> None:
    if walk.state.due_at is None or walk.now.at_s < walk.state.due_at:
        return
    walk.state = replace(walk.state, due_at=None)
    match walk.node:
        case MenuNode() as node:
            menus.say_again(walk, node, node.no_input)
        case LanguageNode() as node:
            language_choice.ask_again(walk, node)
        case DigitsNode() as node:
            collecting.complete(walk, node)
        case CallbackNode() as node:
            calling_back.time_passed(walk, node)


def _said(walk: Walk, happened: CallerSaid) -> None:
    if not happened.text.strip():
        return
    match walk.state.waiting, walk.node:
        case "agent", _:
            walk.state = replace(walk.state, agent_there=True)
        case "key", MenuNode():
            menus.said(walk)
        case "key", LanguageNode() as node:
            language_choice.choose(walk, node, happened.language)


def _chosen(walk: Walk, happened: OptionChosen) -> None:
    node = walk.book.open_menu(walk.state)
    if node is not None:
        menus.choose(walk, node, happened.option)


def _menu_asked(walk: Walk, _: MenuAsked) -> None:
    if walk.state.waiting == "agent":
        walk.state = replace(walk.state, agent_there=True)
    elif not walk.state.conversing:
        return
    if walk.state.last_menu is not None:
        flow, node = walk.state.last_menu
        walk.go(node, flow)


def _agent_ended(walk: Walk, _: AgentEnded) -> None:
    waiting, node, conversing = walk.state.waiting, walk.node, walk.state.conversing
    _lose_agent(walk)
    if waiting == "agent" and isinstance(node, AgentNode) and node.next is not None:
        walk.go(node.next)
    elif waiting == "agent" or conversing:
        walk.hang_up()


def _agent_gone(walk: Walk, _: AgentGone) -> None:
    conversing = walk.state.conversing
    _lose_agent(walk)
    if walk.state.waiting == "agent":
        walk.hang_up("no_way_out")
    elif conversing:
        walk.go(walk.state.node)


def _lose_agent(walk: Walk) -> None:
    if walk.menu_open:
        walk.do(CloseMenu())
    walk.state = replace(walk.state, agent_there=False)


def _sent(walk: Walk, happened: SentTo) -> None:
    if walk.state.began and walk.state.waiting != "away" and happened.node in walk.flow.nodes:
        walk.interrupt()
        walk.go(happened.node)


def _language_changed(walk: Walk, happened: LanguageChanged) -> None:
    if happened.language == walk.state.language:
        return
    walk.state = replace(walk.state, language=happened.language)
    match walk.state.waiting, walk.node:
        case "key", MenuNode() as node if not walk.state.conversing:
            walk.say(node.prompt)
        case "key", LanguageNode() as node:
            language_choice.choose(walk, node, happened.language)


def _answered(walk: Walk, happened: HttpAnswered) -> None:
    if walk.state.waiting != "http" or not isinstance(walk.node, HttpNode):
        return
    if happened.values is None:
        walk.go(walk.node.failed)
    else:
        walk.keep(happened.values)
        walk.go(walk.node.next)


def _dialled(walk: Walk, happened: DialEnded) -> None:
    if walk.state.waiting == "away" and isinstance(walk.node, TransferNode):
        putting_through.ended(walk, walk.node, happened)


def _transfer_asked(walk: Walk, happened: TransferAsked) -> None:
    if isinstance(walk.flow.nodes.get(happened.node), TransferNode):
        if walk.state.waiting != "away":
            walk.keep({putting_through.REASON: happened.reason})
        _sent(walk, SentTo(happened.node))


def _kept(walk: Walk, happened: CallbackKept) -> None:
    if walk.state.waiting == "callback" and isinstance(walk.node, CallbackNode):
        calling_back.kept(walk, walk.node, is_kept=happened.kept)


def _machine(walk: Walk, happened: MachineAnswered) -> None:
    if walk.state.waiting == "away":
        return
    walk.state = replace(walk.state, began=True)
    walk.interrupt()
    if happened.prompt is not None:
        walk.say(happened.prompt, then_report=False)
    walk.hang_up("machine")


_TAKE: dict[type, Callable[[Walk, Any], None]] = {
    CallBegun: _begun,
    StreamResumed: _resumed,
    KeyPressed: _pressed,
    PromptsPlayed: _played,
    TimePassed: _passed,
    CallerSaid: _said,
    OptionChosen: _chosen,
    MenuAsked: _menu_asked,
    AgentEnded: _agent_ended,
    AgentGone: _agent_gone,
    SentTo: _sent,
    LanguageChanged: _language_changed,
    HttpAnswered: _answered,
    DialEnded: _dialled,
    TransferAsked: _transfer_asked,
    CallbackKept: _kept,
    MachineAnswered: _machine,
}
