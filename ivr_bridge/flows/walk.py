"""One step of the engine in the making: the state as it changes, and the actions so far.                       pure

Whoever handles an input or enters a node does it with a `Walk`: `go` leaves the node where the call stands (a menu is
closed, the caller is unmuted) and asks for the next one to be entered; `wait` ends the walk. `engine.py` enters nodes
as long as `arriving` says so, which keeps a flow of any shape free of recursion.

What may be playing when a node is left must be stopped: `interrupt` notes it. A `Play` replaces what is playing, so
`StopPlaying` is written only where another action of weight, or the end of the step, comes first.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, Protocol

from ivr_bridge.flows.model import AgentNode, DigitsNode, Flow, HoursNode, Language, MenuNode, Node
from ivr_bridge.flows.moves import (
    Action,
    AskHttp,
    CloseMenu,
    FlowState,
    HangUp,
    Moment,
    MuteCaller,
    OpenMenu,
    Play,
    PromiseCallback,
    SetLanguage,
    StopPlaying,
    TakeVoicemail,
    TalkWithAgent,
    Transfer,
)

VALUE_MAX_CHARS = 4000
"""Of a variable: a flow that appends to one round after round must not fill the memory."""

_ENDS_SOUND = (TalkWithAgent, AskHttp, PromiseCallback, Transfer, TakeVoicemail, HangUp)
"""Actions before which an interrupted prompt must have been stopped."""


class Hours(Protocol):
    """Opening hours; `hours.Calendar` is one."""

    def state(self, wall: datetime) -> Literal["open", "closed", "holiday"]:
        """What holds at this instant (`wall` has a time zone, any); `holiday`: closed on a day of its own."""
        ...


@dataclass(frozen=True, slots=True)
class Book:
    """What a walk looks things up in; a call keeps the one it began with."""

    flows: Mapping[str, Flow]
    calendars: Mapping[str, Hours]
    environ: Mapping[str, str]

    def node(self, state: FlowState) -> Node:
        """The node where a call stands."""
        return self.flows[state.flow].nodes[state.node]

    def branch(self, node: HoursNode, wall: datetime) -> str:
        """The node where opening hours lead at this instant; a calendar that is not there is closed."""
        calendar = self.calendars.get(node.hours)
        hours = calendar.state(wall) if calendar else "closed"
        if hours == "open":
            return node.open
        return node.holiday if hours == "holiday" and node.holiday is not None else node.closed

    def open_menu(self, state: FlowState) -> MenuNode | None:
        """The menu whose options the agent holds now; None: there is none, or it is digits only."""
        node = self.node(state)
        if isinstance(node, MenuNode) and node.agent and state.agent_there and state.waiting == "key":
            return node
        return None

    def muted(self, state: FlowState) -> bool:
        """Whether the agent hears nothing of the caller now."""
        node = self.node(state)
        return isinstance(node, DigitsNode) and node.sensitive and state.waiting == "digits"


def values(state: FlowState) -> dict[str, str]:
    """What a template or a condition may name: the call's variables, and its language as it is now."""
    return {**state.variables, "language": state.language}


class Walk:
    """One step; made for it and thrown away."""

    def __init__(self, book: Book, state: FlowState, now: Moment) -> None:
        self.book = book
        self.state = state
        self.now = now
        self.arriving = False
        self._actions: list[Action] = []
        self._sounding = False

    @property
    def flow(self) -> Flow:
        """The flow where the call stands."""
        return self.book.flows[self.state.flow]

    @property
    def node(self) -> Node:
        """The node where the call stands."""
        return self.book.node(self.state)

    @property
    def menu_open(self) -> bool:
        """Whether the agent holds a menu's options."""
        return self.book.open_menu(self.state) is not None

    def done(self) -> tuple[FlowState, tuple[Action, ...]]:
        """The step's outcome; call it once, at the end."""
        self._hush()
        return self.state, tuple(self._actions)

    def do(self, action: Action) -> None:
        """Want this done next."""
        if isinstance(action, _ENDS_SOUND):
            self._hush()
        if isinstance(action, Play | StopPlaying):
            self._sounding = False
        self._actions.append(action)

    def interrupt(self) -> None:
        """What is playing must not go on."""
        self._sounding = True

    def say(self, *prompts: str, then_report: bool = True) -> None:
        """Play prompts in the call's language."""
        self.say_in(tuple((prompt, self.state.language) for prompt in prompts), then_report=then_report)

    def say_in(self, prompts: tuple[tuple[str, Language], ...], *, then_report: bool = True) -> None:
        """Play (prompt, language) pairs, the disclosure before them where it is still owed."""
        if self.state.disclosure:
            prompts = ((self.state.disclosure, self.state.language), *prompts)
        self.do(Play(prompts, then_report))
        self.state = replace(self.state, disclosure="", spoken=True, due_at=None)

    def disclose(self) -> None:
        """Say the disclosure on its own where it is still owed, before words that are not ours."""
        if self.state.disclosure:
            self.say(then_report=False)

    def wait(self, waiting: Literal["prompt", "key", "digits", "agent", "http", "callback", "away", "over"]) -> None:
        """The call stays at this node until something happens."""
        self.state = replace(self.state, waiting=waiting, steps_without_wait=0)

    def be_due(self, after_s: float) -> None:
        """Have `TimePassed` given `after_s` seconds from now."""
        self.state = replace(self.state, due_at=self.now.at_s + after_s)

    def go(self, node: str, flow: str | None = None) -> None:
        """Leave this node and enter another, of this flow unless told otherwise; the same one begins anew."""
        self.leave()
        self.state = replace(
            self.state,
            flow=flow or self.state.flow,
            node=node,
            waiting="",
            due_at=None,
            tries=0,
            digits="",
            conversing=False,
        )
        self.arriving = True

    def leave(self) -> None:
        """Take back what this node holds open."""
        if self.menu_open:
            self.do(CloseMenu())
        if self.book.muted(self.state):
            self.do(MuteCaller(False))

    def open_menu(self, node: MenuNode) -> None:
        """Give the agent the options of the menu where the call stands, if there is an agent to give them to."""
        if self.menu_open:
            self.do(OpenMenu({name: option.says for name, option in node.options.items()}))

    def keep(self, values: Mapping[str, str]) -> None:
        """Fill variables; a value longer than VALUE_MAX_CHARS is cut."""
        cut = {name: value[:VALUE_MAX_CHARS] for name, value in values.items()}
        self.state = replace(self.state, variables={**self.state.variables, **cut})

    def speak(self, language: Language) -> None:
        """Go on in this language."""
        if language != self.state.language:
            self.state = replace(self.state, language=language)
            self.do(SetLanguage(language))

    def talk(self, node: AgentNode, told: str) -> None:
        """Give the agent the floor; it greets if nobody has spoken yet."""
        greet = not self.state.spoken
        self.disclose()
        self.do(TalkWithAgent(node, greet, told))
        self.state = replace(self.state, spoken=True)
        self.wait("agent")

    def hang_up(self, why: Literal["flow_ended", "no_way_out", "machine"] = "flow_ended") -> None:
        """End the call; the last that is ever done for it."""
        self.leave()
        self.do(HangUp(why))
        self.state = replace(self.state, due_at=None, digits="", conversing=False)
        self.wait("over")

    def _hush(self) -> None:
        if self._sounding:
            self.do(StopPlaying())
