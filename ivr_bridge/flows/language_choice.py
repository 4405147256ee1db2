"""The choice of a language: by key, by what is said, or at once.                                               pure"""

from dataclasses import replace

from ivr_bridge.flows.model import PERSON_KEY, Language, LanguageNode
from ivr_bridge.flows.walk import Walk


def enter(walk: Walk, node: LanguageNode) -> None:
    """Set the language, or ask for it in each of the languages there are."""
    if node.language is not None:
        walk.speak(node.language)
        walk.go(node.next)
        return
    walk.state = replace(walk.state, tries=1)
    walk.wait("key")
    _ask(walk, node)


def key(walk: Walk, node: LanguageNode, pressed: str) -> None:
    """Take the language of this key; 0 without one leads to a person, any other key asks again."""
    walk.interrupt()
    if pressed in node.options:
        choose(walk, node, node.options[pressed])
    elif pressed == PERSON_KEY and walk.flow.person is not None:
        walk.go(walk.flow.person)
    else:
        ask_again(walk, node)


def choose(walk: Walk, node: LanguageNode, language: Language | None) -> None:
    """Go on in this language if it is one that was asked for."""
    if language is not None and language in node.options.values():
        walk.interrupt()
        walk.speak(language)
        walk.go(node.next)


def ask_again(walk: Walk, node: LanguageNode) -> None:
    """Ask once more, or keep the language as it is when all tries are used up."""
    if walk.state.tries >= node.tries:
        walk.go(node.next)
        return
    walk.state = replace(walk.state, tries=walk.state.tries + 1)
    _ask(walk, node)


def _ask(walk: Walk, node: LanguageNode) -> None:
    if node.prompt is not None:
        walk.say_in(tuple((node.prompt, language) for language in dict.fromkeys(node.options.values())))
