"""Where a flow meets a stream: what the engine wants done is done here, and what happens is told to the engine."""

from collections.abc import Callable
from typing import Protocol

from ivr_bridge.bridge.agent_side import MENU_CONTEXT
from ivr_bridge.bridge.agent_to_caller import AgentToCaller
from ivr_bridge.bridge.call_parts import CallHands
from ivr_bridge.bridge.caller_to_agent import CallerToAgent
from ivr_bridge.bridge.floor import Floor
from ivr_bridge.bridge.journey import Journey
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.bridge.transcript import Transcript
from ivr_bridge.flows.model import HttpNode, MenuNode
from ivr_bridge.flows.moves import (
    Action,
    AskHttp,
    CallbackKept,
    CallBegun,
    CallerSaid,
    CloseMenu,
    FlowInput,
    HangUp,
    HttpAnswered,
    KeyPressed,
    LanguageChanged,
    LetAgentAnswer,
    MenuAsked,
    MuteCaller,
    OpenMenu,
    OptionChosen,
    Play,
    PromiseCallback,
    PromptsPlayed,
    SetLanguage,
    StopPlaying,
    StreamResumed,
    TakeVoicemail,
    TalkWithAgent,
    TellAgent,
    TimePassed,
    Transfer,
)
from ivr_bridge.language import Language, LanguageFollower, detect
from ivr_bridge.telemetry import events
from ivr_bridge.telemetry.log import Log

MENU_OPEN = (
    "A menu is open. Options: {options}. The caller hears it and may press a key. If the caller's words ask for one of "
    "the options, call the tool choose_option with its name; answer anything else yourself."
)
MENU_CLOSED = "The menu is closed. Its options cannot be chosen any more."


_ENDS = {
    "flow_ended": Termination.FLOW_ENDED,
    "no_way_out": Termination.NO_WAY_OUT,
    "machine": Termination.MACHINE_ANSWERED,
}


class AgentHands(Protocol):
    """What the stage needs of the agent's side."""

    def converse(self, talk: TalkWithAgent, *, speaks_anyway: bool = False) -> None:
        """The agent has the floor; one is brought if none is there."""
        ...

    def answer_out_loud(self) -> None:
        """The agent has the floor in a menu: what it said meanwhile goes out."""
        ...

    def tell(self, text: str, context_id: str | None = None) -> None:
        """A fact that starts no turn; kept for an agent that is on its way."""
        ...

    def say_for_caller(self, text: str) -> None:
        """A message in the caller's place, which the agent answers; kept for an agent that is on its way."""
        ...

    def language_changed(self, language: Language) -> None:
        """The call goes on in another language."""
        ...


class FlowStage:
    """Performs one stream's part of a journey."""

    __slots__ = (
        "_agent", "_agent_chose", "_call", "_floor", "_follower", "_journey", "_language", "_log", "_reporting",
        "_to_agent", "_to_caller", "_transcript", "menu_told",
    )  # fmt: skip

    def __init__(
        self,
        journey: Journey,
        call: CallHands,
        agent: AgentHands,
        *,
        floor: Floor,
        to_caller: AgentToCaller,
        to_agent: CallerToAgent,
        transcript: Transcript,
        log: Log,
    ) -> None:
        self._journey = journey
        self._call = call
        self._agent = agent
        self._floor = floor
        self._to_caller = to_caller
        self._to_agent = to_agent
        self._transcript = transcript
        self._log = log
        self._language = journey.language
        self._follower = LanguageFollower(journey.language)
        self._agent_chose = False
        """Whether the step is the agent's own choice: it says something about it without being asked."""
        self._reporting = False
        """Whether the end of what is playing is to be told."""
        self.menu_told = ""
        """What the agent must know of the open menu; empty when none is open."""

    # What happens

    def begin(self) -> None:
        """The stream has started: the first one of the call, or one after a step that was taken without any."""
        journey = self._journey
        if journey.pending:
            pending, journey.pending = journey.pending, ()
            self.perform(pending)
        elif journey.state.waiting == "http":
            # The answer went down with the stream before, and what was asked may not be asked twice.
            self.step(HttpAnswered(None))
        else:
            self.step(StreamResumed() if journey.state.began else CallBegun())

    def step(self, happened: FlowInput) -> None:
        """Tell the engine and do what it says."""
        self._step(happened)

    def _step(self, happened: FlowInput, then: Callable[[], None] | None = None) -> None:
        if self._call.ending:
            return
        actions = self._journey.step(happened)
        if self._floor.agents and not self._journey.agent_has_floor:
            self._floor.take()
        if then is not None:
            then()
        self.perform(actions)

    def tick(self, now: float, *, speaking: bool) -> None:
        """A few times a second: prompts that were heard, and time that has passed."""
        if self._reporting and not speaking:
            self._reporting = False
            self.step(PromptsPlayed())
        due_at = self._journey.state.due_at
        if due_at is not None and now >= due_at:
            self.step(TimePassed())

    def key_pressed(self, key: str) -> None:
        """A key that is the flow's and not the agent's."""
        node = self._journey.node
        if isinstance(node, MenuNode):
            chosen = next((name for name, option in node.options.items() if option.key == key), None)
            if chosen is not None:
                self._log.emit(events.OPTION_CHOSEN, node=self._journey.state.node, option=chosen, by="key")
        self.step(KeyPressed(key))

    def caller_said(self, text: str) -> None:
        """The agent understood words of the caller."""
        before = self._journey.language
        self.step(CallerSaid(text, detect(text)))
        if self._journey.language == before and self._journey.flow.follow_language:
            language = self._follower.hear(text)
            if language is not None and language != self._journey.language:
                self.change_language(language, by="speech")

    # What the agent's tools may do

    def choose_option(self, option: str) -> str | None:
        """Take an option of the open menu; what it stands for, or None when there is no such option."""
        says = self._journey.options.get(option)
        if says is not None:
            self._log.emit(events.OPTION_CHOSEN, node=self._journey.state.node, option=option, by="agent")
            self._agent_chose = True
            self.step(OptionChosen(option))
            self._agent_chose = False
        return says

    def show_menu(self) -> bool:
        """Open the last menu again; False when there was none."""
        if self._journey.state.last_menu is None:
            return False
        self.step(MenuAsked())
        return True

    def change_language(self, language: Language, by: str) -> None:
        """Go on in this language; `by` is told to the log."""
        if language != self._journey.language:
            self._step(LanguageChanged(language), lambda: self._changed(language, by))

    def _changed(self, language: Language, by: str) -> None:
        before, self._language = self._language, language
        self._follower = LanguageFollower(language)
        self._log.emit(events.LANGUAGE_CHANGED, language=language, before=before, by=by)
        self._agent.language_changed(language)

    # What is done

    def perform(self, actions: tuple[Action, ...]) -> None:
        """Do all of it, in order."""
        for action in actions:
            self._perform(action)

    def _perform(self, action: Action) -> None:  # noqa: C901, PLR0912 - a table of actions
        match action:
            case Play():
                self._play(action)
            case StopPlaying():
                self._stop()
            case OpenMenu(options):
                self._floor.take()
                told = MENU_OPEN.format(options="; ".join(f"{name} = {says}" for name, says in options.items()))
                if told != self.menu_told:
                    self.menu_told = told
                    self._agent.tell(told, MENU_CONTEXT)
            case LetAgentAnswer():
                self._agent.answer_out_loud()
            case CloseMenu():
                self._floor.take()
                if self.menu_told:
                    self.menu_told = ""
                    self._agent.tell(MENU_CLOSED, MENU_CONTEXT)
            case TalkWithAgent():
                self._reporting = False
                self._call.announce_recording()
                self._agent.converse(action, speaks_anyway=self._agent_chose)
            case TellAgent(text):
                self._agent.say_for_caller(text)
            case MuteCaller(muted):
                self._to_agent.muted = muted
            case SetLanguage(language):
                self._changed(language, by="flow")
            case AskHttp():
                if isinstance(node := self._journey.node, HttpNode):
                    self._call.caller_waits("http")
                    self._call.in_background(self._ask(action, node))
            case Transfer():
                self._journey.leaving = action
                self._call.end(Termination.TRANSFERRED)
            case TakeVoicemail(prompt):
                if not self._call.record_message(action):
                    self._journey.leaving = action
                    self._journey.said_on_leaving = self._call.say(prompt, self._journey.language)
                    self._call.end(Termination.VOICEMAIL_LEFT)
            case PromiseCallback():
                self._call.in_background(self._promise(action))
            case HangUp(why):
                self._call.end(_ENDS[why])

    async def _promise(self, asked: PromiseCallback) -> None:
        self.step(CallbackKept(await self._call.promise_callback(asked)))

    def _play(self, action: Play) -> None:
        self._stop()
        self._call.announce_recording()
        for prompt, language in action.prompts:
            self._call.say(prompt, language)
        self._reporting = action.then_report

    def _stop(self) -> None:
        self._reporting = False
        if (cut := self._to_caller.interrupt()) is not None:
            self._transcript.corrected(cut.said, cut.heard)

    async def _ask(self, asked: AskHttp, node: HttpNode) -> None:
        answered = await self._call.ask_http(asked, node)
        # The caller may have pressed a key meanwhile: then nobody waits for it.
        journey = self._journey
        if (journey.state.flow, journey.state.node) == (asked.flow, asked.node):
            self.step(answered)
