# ruff: noqa: RUF001 - what is said in Chinese has Chinese signs
"""The agent's side of a stream: who sits in the seat, what it is told, and what happens when it fails."""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from ivr_bridge.bridge.agent_order import AgentOrder
from ivr_bridge.bridge.agent_seat import AgentSeat, Failed, Outcome, Relieved
from ivr_bridge.bridge.agent_to_caller import AgentToCaller
from ivr_bridge.bridge.caller_to_agent import CallerToAgent
from ivr_bridge.bridge.filler import Filler
from ivr_bridge.bridge.floor import Floor
from ivr_bridge.bridge.greeting import GreetingGate
from ivr_bridge.bridge.greeting_choice import Greeting
from ivr_bridge.bridge.journey import Journey
from ivr_bridge.bridge.legs import AgentLeg
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.bridge.rescue import Rescue
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.bridge.transcript import Transcript
from ivr_bridge.bridge.turns import Turns
from ivr_bridge.flows.model import Language
from ivr_bridge.flows.moves import AgentEnded, AgentGone, FlowInput, SentTo, TalkWithAgent
from ivr_bridge.speech.prompt import Prompt

MENU_CONTEXT = "menu"
GO_ON: dict[Language, str] = {
    "en": "We were cut off for a moment. Please go on.",
    "es": "Se ha cortado un momento. Siga, por favor.",
    "zh": "刚才断线了一下，请继续。",
}
"""In the caller's place, to a new agent that the old one left without an open question."""
HAND_OVER: dict[Language, str] = {
    "en": "I would like to talk with you now.",
    "es": "Ahora quisiera hablar con usted.",
    "zh": "我现在想和您谈谈。",
}
"""In the caller's place, when a flow hands over to an agent and tells it nothing."""


@dataclass(frozen=True, slots=True)
class AgentSideNeeds:
    """What the call hands in."""

    journey: Journey
    seat: AgentSeat
    rescue: Rescue
    turns: Turns
    floor: Floor
    filler: Filler
    transcript: Transcript
    to_caller: AgentToCaller
    to_agent: CallerToAgent
    order: Callable[[], AgentOrder]
    """What the flow, the node that the call stands at and the call's language want."""
    dial: Callable[[AgentOrder], ParkedAgent]
    dismiss: Callable[[AgentLeg, bool], None]
    """Close a leg; whether it is we who close."""
    discard: Callable[[ParkedAgent], None]
    step: Callable[[FlowInput], None]
    ending: Callable[[], bool]
    """Whether the last words are being said, so that nobody new is needed."""
    menu: Callable[[], str]
    """What an agent must know of the menu that is open; empty when none is."""
    end: Callable[[Termination], None]
    in_background: Callable[[Coroutine[Any, Any, None]], None]
    played_out: Callable[[], Awaitable[None]]
    owes_nothing: Callable[[], None]
    """Nobody is there any more who could answer."""
    greets: Callable[[AgentOrder], bool]
    """Whether the agent of this order has first words of its own, as far as is known."""
    play_greeting: Callable[[Prompt], None]
    owes: Callable[[], None]
    """The agent was asked something: it owes an answer, and the caller waits for it."""
    clock: Callable[[], float]


class AgentSide:
    """One for each stream. `come` brings the first agent."""

    def __init__(self, needs: AgentSideNeeds, greeting: Greeting, order: AgentOrder) -> None:
        self._needs = needs
        self._greeting = greeting
        self._order = order
        self._attending = False
        self._next: ParkedAgent | None = None
        self._first = True
        self._fact = ""
        """What the agent that the call begins with must know; it starts no turn, since its greeting is on."""
        self._messages: list[str] = []
        self._asked: list[str] = []
        """What was said for the caller while the agent did not have the floor: its answer is due when it has."""

    @property
    def there(self) -> bool:
        """Whether an agent sits, or is on its way."""
        return self._attending

    @property
    def ends_call(self) -> bool:
        """Whether the agent's goodbye is the call's: it has the floor, and the flow has nothing behind it."""
        node = self._needs.journey.agent_node
        return self.has_floor and (node is None or node.next is None)

    @property
    def has_floor(self) -> bool:
        """Whether the caller talks with the agent now, so that its failure is theirs."""
        return self._needs.floor.agents

    @property
    def seated_now(self) -> bool:
        """Whether one sits."""
        return self._needs.seat.agent is not None

    def come(self, coming: ParkedAgent) -> None:
        """An agent is on its way."""
        needs = self._needs
        self._attending = True
        needs.seat.expected = coming
        needs.to_agent.expect()
        needs.in_background(self._attend(coming))

    def quiet_s(self) -> float:
        """How long nothing at all has come from the agent; 0 while none sits."""
        agent = self._needs.seat.agent
        return agent.quiet_s(self._needs.clock()) if agent is not None else 0.0

    def send_activity(self) -> None:
        """A sign of life for an agent that hears nothing."""
        if self._needs.seat.agent is not None:
            self._needs.seat.agent.send_user_activity()

    def close(self) -> None:
        """The stream is over: an agent that was to take the seat is not waited for."""
        coming, self._next = self._next, None
        if coming is not None:
            self._needs.discard(coming)

    async def _attend(self, coming: ParkedAgent | None) -> None:
        needs = self._needs
        while coming is not None:
            self._attending = True
            outcome = await needs.seat.hold(coming)
            if (late := needs.seat.expected) is not None:
                needs.seat.expected = None
                needs.discard(late)
            left = needs.seat.leave()
            needs.owes_nothing()
            if left is not None:
                needs.dismiss(left, not needs.seat.closed_itself)
            self._attending = False
            coming = await self._after(outcome)
            if coming is not None:
                needs.to_agent.expect()

    async def _after(self, outcome: Outcome) -> ParkedAgent | None:
        needs = self._needs
        coming, self._next = self._next, None
        if isinstance(outcome, Relieved) or needs.ending():
            return coming
        if coming is not None:
            needs.discard(coming)
        if isinstance(outcome, Failed):
            needs.rescue.note(outcome)
            if self.has_floor:
                self._attending = True
                return await needs.rescue.climb(outcome, self._order)
            needs.rescue.unanswered = outcome
            needs.step(AgentGone())
            return None
        await self._ended()
        return None

    async def _ended(self) -> None:
        """It said goodbye: to the caller, or to nobody while it did not have the floor."""
        needs = self._needs
        if not self.has_floor:
            needs.step(AgentGone())
        elif self.ends_call:
            needs.end(Termination.AGENT_HUNG_UP)
        else:
            node = needs.journey.agent_node
            await needs.played_out()
            if not self._attending:  # else a key has led to another agent meanwhile
                needs.step(AgentEnded() if needs.journey.agent_node is node else AgentGone())

    def go_on_without(self, node: str) -> None:
        """A rung leads to this node: no agent is there, and none is waited for."""
        self._attending = False
        self._needs.step(SentTo(node))
        self._needs.step(AgentGone())

    def failed(self, failed: Failed) -> None:
        """It does not know it yet, but it has failed: silent, or flooding."""
        self._needs.seat.relieve(failed)

    def seated(self, agent: AgentLeg) -> None:
        """An agent is ready: it is told what it must know, and asked what is open."""
        needs = self._needs
        needs.journey.agent_back()
        greeted = bool(needs.transcript) or self._greeting.prompt is not None
        again = greeted and not (self._first and not needs.transcript)
        if self._first and self._greeting.told:
            agent.send_contextual_update(self._greeting.told)
        if again:
            # It has first words of its own, and the caller was greeted long ago.
            needs.turns.another_agent(GreetingGate(shut=needs.greets(self._order)))
            if needs.transcript:
                agent.send_contextual_update(needs.transcript.told(), "transcript")
        elif not self._first:
            # It greets, unless it is asked something at once: then its first words would only be in the way.
            needs.turns.another_agent(GreetingGate(shut=bool(self._messages) and needs.greets(self._order)))
        if self._fact:
            agent.send_contextual_update(self._fact)
            self._fact = ""
        if menu := needs.menu():
            agent.send_contextual_update(menu, MENU_CONTEXT)
        messages, self._messages = self._messages, []
        if again and not messages and self.has_floor:
            messages = [needs.transcript.unanswered or GO_ON[needs.journey.language]]
        for text in messages:
            self._needs.turns.said_for_caller(text)
            agent.send_user_message(text)
            needs.owes()
        if not messages and not needs.greets(self._order):
            needs.filler.end()  # it waits for the caller to speak
        self._first = False

    # What the flow wants

    def tell(self, text: str, context_id: str | None = None) -> None:
        """A fact that starts no turn. An agent that is on its way is told of the menu when it sits."""
        if self._needs.seat.present is not None:
            self._needs.seat.present.send_contextual_update(text, context_id)

    def say_for_caller(self, text: str) -> None:
        """A message in the caller's place, which the agent answers; kept for an agent that is on its way."""
        agent = self._needs.seat.present
        if agent is not None:
            self._needs.turns.said_for_caller(text)
            agent.send_user_message(text)
        else:
            self._messages.append(text)
        if self.has_floor:
            self._needs.owes()
        elif agent is not None:
            self._asked.append(text)

    def answer_out_loud(self) -> None:
        """The agent has the floor in a menu: what it said meanwhile goes out."""
        for event in self._needs.floor.give():
            self._needs.turns.receive(event)

    def converse(self, talk: TalkWithAgent, *, speaks_anyway: bool = False) -> None:
        """The agent has the floor; one is brought if none is there, and the ladder climbed if it failed before.

        `speaks_anyway`: it has chosen the option itself, and says so when it has the tool's answer.
        """
        needs = self._needs
        needs.floor.take()
        needs.floor.give()
        asked, self._asked = self._asked, []
        wanted, agent = needs.order(), needs.seat.present
        if speaks_anyway and agent is not None and wanted == self._order:
            if talk.told:
                agent.send_contextual_update(talk.told)
            needs.owes()
            return
        greeted = self._first_words(talk, bool(asked))
        if wanted != self._order:
            self._order = wanted
            self._messages = [*asked, *self._messages]
            self._replace()
        elif agent is not None:
            messages, self._messages = self._messages, []
            for text in messages:
                self._needs.turns.said_for_caller(text)
                agent.send_user_message(text)
            if asked or messages:
                needs.owes()
            return
        elif not self._attending:
            self._bring()
        if not greeted:
            needs.filler.begin(needs.clock(), "connecting")

    def _first_words(self, talk: TalkWithAgent, asked: bool) -> bool:
        """Its greeting, or what is said to it in the caller's place; whether the caller hears a greeting at once."""
        if talk.greet and self._first:
            self._fact = talk.told
            if self._greeting.prompt is not None:
                self._needs.play_greeting(self._greeting.prompt)
                return True
            if self._greeting.unwanted:
                self._needs.turns.let_greet()
        elif talk.told or not (talk.greet or asked or self._messages):
            self._messages.append(talk.told or HAND_OVER[self._needs.journey.language])
        return False

    def language_changed(self, language: Language) -> None:
        """The call goes on in another language: by a new conversation, where the flow wants it so."""
        needs = self._needs
        if needs.journey.flow.switch == "reconnect" and self._attending:
            self._order = needs.order()
            self._replace()
            if self.has_floor:
                needs.filler.begin(needs.clock(), "connecting")

    def _replace(self) -> None:
        """Another conversation instead of the present one, if there is one."""
        needs = self._needs
        if self._attending:
            if self._next is not None:
                needs.discard(self._next)
            self._next = needs.dial(self._order)
            needs.seat.relieve(Relieved())
        else:
            self._bring()

    def _bring(self) -> None:
        needs = self._needs
        failed = needs.rescue.unanswered
        if failed is None:
            self.come(needs.dial(self._order))
        else:
            self._attending = True
            needs.in_background(self._climb(failed))

    async def _climb(self, failed: Failed) -> None:
        await self._attend(await self._needs.rescue.climb(failed, self._order))
