"""A menu: its prompt, its keys, its words, its patience.                                                       pure

While a menu is open to the agent, words of the caller hand the floor to it (`FlowState.conversing`); from then on no
time is due, and the menu ends by a key or by the agent's `choose_option`.
"""

from dataclasses import replace

from ivr_bridge.flows.model import PERSON_KEY, MenuNode, PromptNode
from ivr_bridge.flows.moves import CloseMenu, LetAgentAnswer, StopPlaying
from ivr_bridge.flows.walk import Walk


def enter(walk: Walk, node: MenuNode) -> None:
    """Open the menu and say it."""
    walk.state = replace(walk.state, last_menu=(walk.state.flow, walk.state.node), tries=1)
    walk.wait("key")
    walk.open_menu(node)
    walk.say(node.prompt)


def key(walk: Walk, node: MenuNode, pressed: str) -> None:
    """Take the option of this key, at any time; 0 without an option leads to a person."""
    walk.interrupt()
    if (leads_to := _behind(walk, node, pressed)) is not None:
        walk.go(leads_to)
    else:
        say_again(walk, node, node.no_match)


def key_ahead(walk: Walk, before: PromptNode, pressed: str) -> None:
    """A key stops the prompt; one that the menu behind it knows is taken by that menu, unsaid."""
    walk.interrupt()
    node = walk.flow.nodes.get(before.next)
    leads_to = _behind(walk, node, pressed) if isinstance(node, MenuNode) else None
    if leads_to is not None:
        walk.state = replace(walk.state, last_menu=(walk.state.flow, before.next))
    walk.go(leads_to or before.next)


def _behind(walk: Walk, node: MenuNode, pressed: str) -> str | None:
    for option in node.options.values():
        if option.key == pressed:
            return option.next
    return walk.flow.person if pressed == PERSON_KEY else None


def choose(walk: Walk, node: MenuNode, option: str) -> None:
    """Take an option by its name, as the agent does; an unknown one changes nothing.

    Words of the agent that the caller already hears are not cut short; the menu's own prompt is.
    """
    if option not in node.options:
        return
    if not walk.state.conversing:
        walk.interrupt()
    walk.go(node.options[option].next)


def say_again(walk: Walk, node: MenuNode, first: str) -> None:
    """Say `first` and the menu's prompt once more, or go on at `otherwise` when all tries are used up."""
    if walk.state.tries >= node.tries:
        walk.go(node.otherwise)
        return
    if walk.state.conversing:  # the floor goes back to the menu: what the agent still says is held again
        walk.do(CloseMenu())
        walk.state = replace(walk.state, conversing=False)
        walk.open_menu(node)
    walk.state = replace(walk.state, tries=walk.state.tries + 1)
    walk.say(first, node.prompt)


def said(walk: Walk) -> None:
    """Hand the floor to the agent, once: words of the caller were understood."""
    if walk.menu_open and not walk.state.conversing:
        walk.do(StopPlaying())
        walk.do(LetAgentAnswer())
        walk.state = replace(walk.state, conversing=True, due_at=None, tries=0)
