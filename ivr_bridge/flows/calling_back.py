"""Promising to call back: which number, read back digit by digit, and key 1 to confirm it.                     pure

The promise itself is made outside: `PromiseCallback` is answered by `CallbackKept`, and only then the caller is told.
"""

import re
from dataclasses import replace

from ivr_bridge.flows.model import CallbackNode
from ivr_bridge.flows.moves import PromiseCallback
from ivr_bridge.flows.walk import Walk

NUMBER = "callback_number"
"""The variable that holds the number which is read back."""
CONFIRM_KEY, OTHER_KEY, END_KEY = "1", "2", "#"
DIGITS_MAX = 18

_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_DIGITS = frozenset("0123456789")


def is_number(text: str) -> bool:
    """Whether this can be called back: E.164."""
    return _E164.fullmatch(text) is not None


def keyed_number(digits: str, prefix: str) -> str | None:
    """What was keyed in as E.164; None when it can be no number.

    Args:
        digits: with a leading `00` it has its country code.
        prefix: the country code of a number without one, such as `+1`; empty: it has its own.
    """
    if digits.startswith("00"):
        number = f"+{digits[2:]}"
    else:
        number = prefix + digits.removeprefix("0") if prefix else f"+{digits}"
    return number if is_number(number) else None


def digit_prompts(number: str) -> tuple[str, ...]:
    """The prompts that read a number out."""
    return tuple(f"digit_{digit}" for digit in number if digit in _DIGITS)


def enter(walk: Walk, node: CallbackNode) -> None:
    """Offer the caller's own number; ask for one where it is withheld."""
    walk.state = replace(walk.state, tries=1, digits="")
    own = walk.state.variables.get("caller", "")
    if is_number(own):
        walk.keep({NUMBER: own})
        _read_back(walk, node)
    else:
        _ask(walk, node)


def key(walk: Walk, node: CallbackNode, pressed: str) -> None:
    """Take a key: of the number, or about it."""
    if walk.state.waiting == "digits":
        _digit(walk, node, pressed)
    elif pressed == CONFIRM_KEY:
        walk.interrupt()
        walk.state = replace(walk.state, due_at=None)
        walk.do(PromiseCallback(walk.state.variables.get(NUMBER, ""), node.flow or walk.state.flow))
        walk.wait("callback")
    elif pressed == OTHER_KEY:
        _ask(walk, node)
    else:
        _again(walk, node, node.no_match)


def time_passed(walk: Walk, node: CallbackNode) -> None:
    """No key came."""
    if walk.state.waiting == "digits" and walk.state.digits:
        _complete(walk, node)
    else:
        _again(walk, node, node.no_input)


def kept(walk: Walk, node: CallbackNode, *, is_kept: bool) -> None:
    """The promise stands on the disk, or could not be made."""
    if is_kept:
        walk.wait("prompt")
        walk.say(node.confirmed)
    else:
        walk.go(node.otherwise)


def _read_back(walk: Walk, node: CallbackNode, *before: str) -> None:
    walk.wait("key")
    walk.say(*before, node.prompt, *digit_prompts(walk.state.variables.get(NUMBER, "")), node.confirm)


def _ask(walk: Walk, node: CallbackNode, *before: str) -> None:
    walk.state = replace(walk.state, digits="")
    walk.wait("digits")
    walk.say(*before, node.ask_number)


def _digit(walk: Walk, node: CallbackNode, pressed: str) -> None:
    if pressed == END_KEY:
        _complete(walk, node)
    elif pressed in _DIGITS:
        if not walk.state.digits:
            walk.interrupt()
        walk.state = replace(walk.state, digits=walk.state.digits + pressed)
        walk.be_due(node.wait_s)
        if len(walk.state.digits) >= DIGITS_MAX:
            _complete(walk, node)


def _complete(walk: Walk, node: CallbackNode) -> None:
    number = keyed_number(walk.state.digits, node.prefix)
    if number is None:
        _again(walk, node, node.no_match)
        return
    walk.keep({NUMBER: number})
    walk.state = replace(walk.state, digits="")
    _read_back(walk, node)


def _again(walk: Walk, node: CallbackNode, why: str) -> None:
    if walk.state.tries >= node.tries:
        walk.interrupt()
        walk.go(node.otherwise)
        return
    walk.state = replace(walk.state, tries=walk.state.tries + 1)
    if walk.state.waiting == "digits":
        _ask(walk, node, why)
    else:
        _read_back(walk, node, why)
