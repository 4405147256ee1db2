# ruff: noqa: RUF001 - what is said in Chinese has Chinese signs
"""The agent's side of a stream: who sits in the seat, what it is told, and what happens when it fails."""

from ivr_bridge.bridge.agent_seat import Failed, Outcome, Relieved
from ivr_bridge.bridge.call_needs import Opening
from ivr_bridge.bridge.call_parts import CallParts
from ivr_bridge.bridge.greeting import GreetingGate
from ivr_bridge.bridge.legs import AgentLeg
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.flows.model import Language
from ivr_bridge.flows.moves import AgentEnded, AgentGone, SentTo, TalkWithAgent

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


class AgentSide:
    """One for each stream. `come` brings the first agent."""

    __slots__ = (
        "_asked", "_attending", "_back", "_fact", "_first", "_greeting", "_lost", "_messages", "_next", "_parts",
        "_resuming", "order",
    )  # fmt: skip

    def __init__(self, parts: CallParts, opening: Opening) -> None:
        self._parts = parts
        self._greeting = opening.greeting
        self.order = opening.order
        """By which the present agent was dialled."""
        self._back = opening.back
        self._resuming = opening.resumed
        self._lost = opening.lost
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
        node = self._parts.journey.agent_node
        return self.has_floor and (node is None or node.next is None)

    @property
    def has_floor(self) -> bool:
        """Whether the caller talks with the agent now, so that its failure is theirs."""
        return self._parts.floor.agents

    @property
    def seated_now(self) -> bool:
        """Whether one sits."""
        return self._parts.seat.agent is not None

    def begun(self) -> None:
        """The stream has begun where its flow stands; whatever comes now is no repetition."""
        self._resuming = False

    def come(self, coming: ParkedAgent) -> None:
        """An agent is on its way."""
        parts = self._parts
        self._attending = True
        parts.seat.expected = coming
        parts.to_agent.expect()
        parts.call.in_background(self._attend(coming))

    def quiet_s(self) -> float:
        """How long nothing at all has come from the agent; 0 while none sits."""
        agent = self._parts.seat.agent
        return agent.quiet_s(self._parts.clock()) if agent is not None else 0.0

    def send_activity(self) -> None:
        """A sign of life for an agent that hears nothing."""
        if self._parts.seat.agent is not None:
            self._parts.seat.agent.send_user_activity()

    def let_go(self) -> None:
        """Nobody talks with an agent in this call any more: who sits leaves, who is on the way turns back."""
        self.close()
        self._messages.clear()
        self._parts.floor.take()
        self._parts.filler.end()
        self._parts.to_caller.stop_filler()
        self._parts.deadlines.agent_gave_sign()
        self._parts.seat.relieve(Relieved())

    def close(self) -> None:
        """The stream is over: an agent that was to take the seat is not waited for."""
        coming, self._next = self._next, None
        if coming is not None:
            self._parts.desk.discard(coming)

    async def _attend(self, coming: ParkedAgent | None) -> None:
        parts = self._parts
        while coming is not None:
            self._attending = True
            outcome = await parts.seat.hold(coming)
            self._back = ""  # if it was lost meanwhile, whoever comes now is a stranger to the caller
            if (late := parts.seat.expected) is not None:
                parts.seat.expected = None
                parts.desk.discard(late)
            left = parts.seat.leave()
            parts.deadlines.agent_gave_sign()
            if left is not None:
                parts.desk.dismiss(left, by_us=not parts.seat.closed_itself)
            self._attending = False
            coming = await self._after(outcome)
            if coming is not None:
                parts.to_agent.expect()

    async def _after(self, outcome: Outcome) -> ParkedAgent | None:
        parts = self._parts
        coming, self._next = self._next, None
        if isinstance(outcome, Relieved) or parts.call.ending:
            return coming
        if coming is not None:
            parts.desk.discard(coming)
        if isinstance(outcome, Failed):
            parts.rescue.note(outcome)
            if self.has_floor:
                self._attending = True
                return await parts.rescue.climb(outcome, self.order)
            parts.rescue.unanswered = outcome
            parts.stage.step(AgentGone())
            return None
        await self._ended()
        return None

    async def _ended(self) -> None:
        """It said goodbye: to the caller, or to nobody while it did not have the floor."""
        parts = self._parts
        if parts.controls.transfer_asked:
            await parts.to_caller.played_out()
            if parts.controls.transfer_asked:
                parts.controls.leave()
        elif not self.has_floor:
            parts.stage.step(AgentGone())
        elif self.ends_call:
            parts.call.end(Termination.AGENT_HUNG_UP)
        else:
            node = parts.journey.agent_node
            await parts.to_caller.played_out()
            if not self._attending:  # else a key has led to another agent meanwhile
                parts.stage.step(AgentEnded() if parts.journey.agent_node is node else AgentGone())

    def go_on_without(self, node: str) -> None:
        """A rung leads to this node: no agent is there, and none is waited for."""
        self._attending = False
        self._parts.stage.step(SentTo(node))
        self._parts.stage.step(AgentGone())

    def failed(self, failed: Failed) -> None:
        """It does not know it yet, but it has failed: silent, or flooding."""
        self._parts.seat.relieve(failed)

    def seated(self, agent: AgentLeg) -> None:
        """An agent is ready: it is told what it must know, and asked what is open."""
        parts = self._parts
        parts.journey.agent_back()
        back, again = self._back, False
        news, parts.journey.news = parts.journey.news, ""
        if back:
            agent.send_contextual_update(f"{back} {news}".strip())
        else:
            again = self._introduce(agent)
            if news:
                agent.send_contextual_update(news)
        if self._fact:
            agent.send_contextual_update(self._fact)
            self._fact = ""
        if menu := parts.stage.menu_told:
            agent.send_contextual_update(menu, MENU_CONTEXT)
        messages, self._messages = self._messages, []
        if again and not messages and self.has_floor:
            messages = [parts.transcript.unanswered or GO_ON[parts.journey.language]]
        for text in messages:
            self._parts.turns.said_for_caller(text)
            agent.send_user_message(text)
            parts.turns.agent_owes()
        if not messages and (back or not parts.desk.greets(self.order)):
            parts.filler.end()  # it waits for the caller to speak
        self._first = False

    def _introduce(self, agent: AgentLeg) -> bool:
        """A new agent hears what was so far; whether another one has talked with this caller before."""
        parts = self._parts
        greeted = bool(parts.transcript) or self._greeting.prompt is not None
        again = greeted and not (self._first and not parts.transcript)
        if self._first and self._greeting.told:
            agent.send_contextual_update(self._greeting.told)
        if again:
            # It has first words of its own, and the caller was greeted long ago.
            parts.turns.another_agent(GreetingGate(shut=parts.desk.greets(self.order)))
            if parts.transcript:
                agent.send_contextual_update(parts.transcript.told(), "transcript")
        elif not self._first:
            # It greets, unless it is asked something at once: then its first words would only be in the way.
            parts.turns.another_agent(GreetingGate(shut=bool(self._messages) and parts.desk.greets(self.order)))
        return again

    # What the flow wants

    def tell(self, text: str, context_id: str | None = None) -> None:
        """A fact that starts no turn. An agent that is on its way is told of the menu when it sits."""
        if self._parts.seat.present is not None:
            self._parts.seat.present.send_contextual_update(text, context_id)

    def say_for_caller(self, text: str) -> None:
        """A message in the caller's place, which the agent answers; kept for an agent that is on its way."""
        agent = self._parts.seat.present
        if agent is not None:
            self._parts.turns.said_for_caller(text)
            agent.send_user_message(text)
        else:
            self._messages.append(text)
        if self.has_floor:
            self._parts.turns.agent_owes()
        elif agent is not None:
            self._asked.append(text)

    def answer_out_loud(self) -> None:
        """The agent has the floor in a menu: what it said meanwhile goes out."""
        for event in self._parts.floor.give():
            self._parts.turns.receive(event)

    def converse(self, talk: TalkWithAgent, *, speaks_anyway: bool = False) -> None:
        """The agent has the floor; one is brought if none is there, and the ladder climbed if it failed before.

        `speaks_anyway`: it has chosen the option itself, and says so when it has the tool's answer.
        """
        parts = self._parts
        parts.floor.take()
        parts.floor.give()
        asked, self._asked = self._asked, []
        wanted, agent = parts.desk.order(), parts.seat.present
        if speaks_anyway and agent is not None and wanted == self.order:
            if talk.told:
                agent.send_contextual_update(talk.told)
            parts.turns.agent_owes()
            return
        greeted = self._first_words(talk, bool(asked))
        if wanted != self.order:
            self.order = wanted
            self._messages = [*asked, *self._messages]
            self._replace()
        elif agent is not None:
            messages, self._messages = self._messages, []
            for text in messages:
                self._parts.turns.said_for_caller(text)
                agent.send_user_message(text)
            if asked or messages:
                parts.turns.agent_owes()
            return
        elif not self._attending:
            self._bring()
        if not greeted:
            parts.filler.begin(parts.clock(), "connecting", at_once=self._resuming and not self._back)

    def _first_words(self, talk: TalkWithAgent, asked: bool) -> bool:
        """Its greeting, or what is said to it in the caller's place; whether the caller hears a greeting at once."""
        if self._resuming and (self._back or self._parts.transcript):
            # The flow has come here before, and nothing is told twice; who was cut off is asked to go on.
            # A new agent is, when it sits, by what the transcript leaves open.
            if self._back and self._lost:
                self._messages.append(GO_ON[self._parts.journey.language])
            return False
        if talk.greet and self._first:
            self._fact = talk.told
            if self._greeting.prompt is not None:
                self._parts.to_caller.play(self._greeting.prompt)
                return True
            if self._greeting.unwanted:
                self._parts.turns.let_greet()
        elif talk.told or not (talk.greet or asked or self._messages):
            self._messages.append(talk.told or HAND_OVER[self._parts.journey.language])
        return False

    def language_changed(self, language: Language) -> None:
        """The call goes on in another language: by a new conversation, where the flow wants it so."""
        parts = self._parts
        if parts.journey.flow.switch == "reconnect" and self._attending:
            self.order = parts.desk.order()
            self._replace()
            if self.has_floor:
                parts.filler.begin(parts.clock(), "connecting")

    def _replace(self) -> None:
        """Another conversation instead of the present one, if there is one."""
        parts = self._parts
        if self._attending:
            if self._next is not None:
                parts.desk.discard(self._next)
            self._next = parts.desk.dial(self.order)
            parts.seat.relieve(Relieved())
        else:
            self._bring()

    def _bring(self) -> None:
        parts = self._parts
        failed = parts.rescue.unanswered
        if failed is None:
            self.come(parts.desk.dial(self.order))
        else:
            self._attending = True
            parts.call.in_background(self._climb(failed))

    async def _climb(self, failed: Failed) -> None:
        await self._attend(await self._parts.rescue.climb(failed, self.order))
