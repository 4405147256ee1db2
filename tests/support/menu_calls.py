"""Calls through menus: a flow with a node of each kind, and what the caller hears of it, voice by voice."""

import asyncio
from base64 import b64decode
from copy import deepcopy
from itertools import pairwise
from typing import Any

from ivr_bridge.bridge.greeting_choice import NOT_GREETED
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.elevenlabs.conversation.events import AgentAudio, AgentResponded, CallerTranscribed, ToolRequested
from ivr_bridge.flows.model import HttpNode
from ivr_bridge.flows.moves import AskHttp, HttpAnswered
from ivr_bridge.twilio.stream_events import DtmfPressed
from tests.support.call_scene import Outside, Scene, Story, play
from tests.support.legs import FakeAgent, silence_b64

VOICES = {0x20: "agent", 0x21: "second agent", 0x30: "prompt"}


def option(key: str, leads_to: str) -> dict[str, str]:
    return {"key": key, "says": leads_to.replace("_", " "), "next": leads_to}


NODES: dict[str, Any] = {
    "menu": {
        "kind": "menu",
        "prompt": "main_menu",
        "tries": 3,
        "wait_s": 5,
        "options": {
            "hours": option("1", "hours"),
            "booking": option("2", "booking"),
            "account": option("3", "account"),
            "pin": option("4", "pin"),
            "order": option("5", "order"),
            "other": option("6", "other_agent"),
            "keys": option("7", "keys_only"),
            "language": option("9", "choose_language"),
        },
        "otherwise": "message",
    },
    "keys_only": {
        "kind": "menu",
        "prompt": "fallback_menu",
        "agent": False,
        "options": {"back": option("1", "menu"), "booking": option("2", "booking")},
        "otherwise": "message",
    },
    "hours": {"kind": "prompt", "prompt": "opening_hours_info", "next": "menu"},
    "booking": {"kind": "agent", "told": "I chose to book a table."},
    "chat": {"kind": "agent"},
    "other_agent": {"kind": "agent", "agent_id": "agent_2"},
    "triage": {"kind": "agent", "next": "survey"},
    "survey": {
        "kind": "menu",
        "prompt": "survey_prompt",
        "agent": False,
        "options": {"good": option("1", "bye")},
        "otherwise": "bye",
    },
    "account": {
        "kind": "digits",
        "prompt": "ask_account",
        "variable": "account",
        "min_digits": 4,
        "max_digits": 8,
        "tell_agent": "My customer number is {account}.",
        "next": "booking",
        "otherwise": "menu",
    },
    "pin": {
        "kind": "digits",
        "prompt": "ask_pin",
        "variable": "pin",
        "min_digits": 4,
        "max_digits": 4,
        "sensitive": True,
        "next": "menu",
        "otherwise": "menu",
    },
    "order": {
        "kind": "http",
        "url": "https://orders.example/latest",
        "save": {"state": "/state"},
        "next": "menu",
        "failed": "menu",
    },
    "choose_language": {
        "kind": "language",
        "prompt": "which_language",
        "options": {"1": "en", "2": "es", "3": "zh"},
        "next": "menu",
    },
    "desk": {"kind": "transfer", "number": "+15550100", "failed": "message"},
    "message": {"kind": "voicemail"},
    "bye": {"kind": "hang_up", "prompt": "goodbye"},
}


def menu_flow(start: str = "menu", nodes: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A flow that begins at `start`; `nodes` are put in place of others, or beside them."""
    return {
        "disclosure": False,
        "person": "desk",
        "ladder": [{"kind": "apology"}],
        "start": start,
        "nodes": deepcopy({**NODES, **(nodes or {})}),
        **more,
    }


def play_menu(story: Story, *, start: str = "menu", **more: Any) -> tuple[Termination, Scene]:
    """A call that begins at a node of NODES; an agent that would greet is told that nobody hears it."""
    flow = more.pop("flow", None) or menu_flow(start)
    more.setdefault("outside", Outside(greets=True))
    if flow["nodes"][flow["start"]]["kind"] != "agent" and more["outside"].greets:
        more.setdefault("greeting", NOT_GREETED)
    return play(story, flow=flow, **more)


async def presses(scene: Scene, *keys: str, after_s: float = 0.0) -> None:
    """Keys, one after the other; returns when each was taken, in the same instant when `after_s` is 0."""
    for key in keys:
        if after_s:
            await asyncio.sleep(after_s)
        scene.caller.says(DtmfPressed(key))
        await taken()


async def taken() -> None:
    """No time passes, but everybody has had a turn."""
    for _ in range(6):
        await asyncio.sleep(0)


def says(agent: FakeAgent, text: str, length_ms: float, event_id: int, byte: int = 0x20) -> None:
    """A reply, text and audio."""
    agent.says(AgentResponded(text, event_id), *speech(length_ms, event_id, byte))


def speech(length_ms: float, event_id: int, byte: int = 0x20) -> list[AgentAudio]:
    """The agent's voice in pieces of 200 ms."""
    whole, rest = divmod(length_ms, 200)
    lengths = [200.0] * int(whole) + ([rest] if rest else [])
    return [AgentAudio(silence_b64(length, byte), event_id, None) for length in lengths]


def transcribes(agent: FakeAgent, text: str, event_id: int = 1) -> None:
    """The agent understood the caller."""
    agent.says(CallerTranscribed(text, event_id))


async def calls_tool(agent: FakeAgent, name: str, tool_call_id: str = "t1", **parameters: Any) -> tuple[str, bool]:
    """A client tool is called; its result, and whether that is an error."""
    agent.says(ToolRequested(name, tool_call_id, parameters, 1))
    for _ in range(20):
        await asyncio.sleep(0)
    return next(
        (result[1], result[2]) for kind, result in agent.sent if kind == "tool_result" and result[0] == tool_call_id
    )


def told(agent: FakeAgent, kind: str = "user_message") -> list[str]:
    """What an agent was sent of this kind."""
    return [content for sort, content in agent.sent if sort == kind]


def heard(scene: Scene) -> list[tuple[str, float, float]]:
    """Who the caller heard, from when to when in seconds of the call; one voice without gap or `clear` is one entry."""
    spans: list[tuple[str, float, float]] = []
    cleared: set[float] = set()
    ends_at = 0.0
    for at, kind, payload in scene.caller.sent:
        if kind == "media":
            audio = b64decode(payload)
            start, ends_at = max(at, ends_at), max(at, ends_at) + len(audio) / 8000
            who = VOICES.get(audio[0], "music") if len(set(audio)) == 1 else "music"
            spans.append((who, start, ends_at))
        elif kind == "clear":
            ends_at = at
            cleared.add(round(at - scene.began_at, 3))
            spans = [(who, start, min(end, at)) for who, start, end in spans if start < at]
    merged: list[tuple[str, float, float]] = []
    for who, began_at, ended_at in spans:
        start, end = round(began_at - scene.began_at, 3), round(ended_at - scene.began_at, 3)
        if merged and merged[-1][0] == who and start - merged[-1][2] < 0.001 and start not in cleared:
            merged[-1] = (who, merged[-1][1], end)
        else:
            merged.append((who, start, end))
    return merged


def voices(scene: Scene) -> list[str]:
    """Who was heard, in order."""
    return [who for who, _, _ in heard(scene)]


def longest_silence_s(scene: Scene, since_s: float, until_s: float) -> float:
    """The longest time without any sound between two seconds of the call."""
    spans = [(max(start, since_s), min(end, until_s)) for _, start, end in heard(scene)]
    inside = [(since_s, since_s), *((start, end) for start, end in spans if start < end), (until_s, until_s)]
    return max(later[0] - earlier[1] for earlier, later in pairwise(inside))


def at_s(scene: Scene) -> float:
    """Seconds of the call."""
    return scene.caller.now - scene.began_at


def services_answer(scene: Scene, after_s: float, values: dict[str, str] | None) -> list[str]:
    """From now on a service of the operator's takes this long; returns the URLs, as they will be asked."""
    urls: list[str] = []

    async def ask(asked: AskHttp, _node: HttpNode) -> HttpAnswered:
        urls.append(asked.url)
        await asyncio.sleep(after_s)
        return HttpAnswered(values)

    scene.desk.ask_http = ask  # type: ignore[method-assign]
    return urls
