"""What a node does, in a few words for people: what is said there, and what its kind adds.                  pure"""

import unicodedata
from collections.abc import Mapping

from ivr_bridge.flows.model import (
    AgentNode,
    CallbackNode,
    ConditionNode,
    DigitsNode,
    FlowNode,
    HoursNode,
    HttpNode,
    LanguageNode,
    MenuNode,
    Node,
    NodeRung,
    Rung,
    SecondAgentRung,
    SetNode,
    TransferNode,
    VoicemailNode,
)


def prompt_of(node: Node) -> str | None:
    """The prompt that a caller hears first at this node; None: nothing is said."""
    return getattr(node, "prompt", None)


def words_of(node: Node, texts: Mapping[str, str]) -> str:
    """What is said at this node, whole: `texts` is prompt -> text. An unknown prompt gives its name."""
    prompt = prompt_of(node)
    return "" if prompt is None else " ".join(texts.get(prompt, prompt).split())


def detail_of(node: Node) -> str:  # noqa: C901 - one case a kind
    """What the kind of node adds to its name and its words; empty when that is all."""
    match node:
        case MenuNode():
            return "" if node.agent else "digits only"
        case AgentNode():
            parts = [node.agent_id or "", node.language or "", f"told: {' '.join(node.told.split())}" * bool(node.told)]
            return ", ".join(part for part in parts if part)
        case DigitsNode():
            count = str(node.max_digits)
            if node.min_digits != node.max_digits:
                count = f"{node.min_digits} to {node.max_digits}"
            return f"{count} digits into {node.variable}" + ", kept from the agent" * node.sensitive
        case HoursNode():
            return node.hours
        case LanguageNode():
            return node.language or ", ".join(f"{key} {language}" for key, language in node.options.items())
        case SetNode():
            return f"{node.variable} = {node.value}"
        case ConditionNode():
            return f"{node.variable} {_question(node)}"
        case HttpNode():
            return f"{node.method} {node.url}"
        case TransferNode():
            warm = "warm, " * (node.mode == "warm")
            return f"{warm}{', then '.join(node.addresses)}, rings {node.ring_s} s"
        case CallbackNode():
            return f"then in {node.flow}" if node.flow else ""
        case VoicemailNode():
            return f"up to {node.max_s} s{', recorded by Twilio' * (node.record == 'twilio')}"
        case FlowNode():
            return f"goes on in {node.flow}"
        case _:
            return ""


def _question(node: ConditionNode) -> str:
    if node.equals is not None:
        return f"is {node.equals!r}"
    return f"fits {node.matches}" if node.one_of is None else f"is one of {', '.join(node.one_of)}"


def rung_words(rung: Rung) -> str:
    """One rung of a ladder, without the node that it names."""
    match rung:
        case NodeRung():
            return rung.kind
        case SecondAgentRung():
            return f"agent {rung.agent_id or ''}{f' at {rung.base_url}' * bool(rung.base_url)}".replace("  ", " ")
        case _:
            return rung.kind.replace("_", " ")


def first_words(text: str, columns: int) -> str:
    """The beginning of `text` in at most `columns` columns, with an ellipsis where it was cut."""
    if columns_of(text) <= columns:
        return text
    return _fitting(text, columns - 1).rstrip(" ,;:.") + "…"


def wrapped(text: str, columns: int, rows: int) -> tuple[str, ...]:
    """`text` in at most `rows` lines of at most `columns` columns; the last one ends in an ellipsis if it was cut."""
    lines: list[str] = []
    while text and len(lines) < rows - 1:
        lines.append(_fitting(text, columns))
        text = text[len(lines[-1]) :].lstrip()
    return (*lines, first_words(text, columns)) if text else tuple(lines)


def _fitting(text: str, columns: int) -> str:
    """What fits: whole words, or as much as there is room for where that would leave half of it empty."""
    end, used = 0, 0
    while end < len(text) and (used := used + columns_of(text[end])) <= columns:
        end += 1
    head = text[: end + 1].rpartition(" ")[0] if end < len(text) else text
    return head if 2 * columns_of(head) >= columns else text[:end]


def columns_of(text: str) -> int:
    """How many columns `text` takes: two for a wide character, none for a combining one."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "WF" else 1
        for character in text
    )
