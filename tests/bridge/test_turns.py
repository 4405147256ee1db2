"""Every event of the agent's leg, and what it means for the call."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, get_args

import pytest
from structlog.testing import capture_logs

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.agent_to_caller import AgentToCaller
from ivr_bridge.bridge.deadlines import Deadline, Deadlines
from ivr_bridge.bridge.filler import Filler
from ivr_bridge.bridge.floor import Floor
from ivr_bridge.bridge.greeting import GreetingGate
from ivr_bridge.bridge.termination import Termination
from ivr_bridge.bridge.transcript import Transcript
from ivr_bridge.bridge.turns import KINDS_LOGGED, Turns
from ivr_bridge.elevenlabs.conversation.events import (
    AgentAudio,
    AgentEvent,
    AgentResponded,
    AgentResponseCompleted,
    AgentResponseCorrected,
    CallerTentative,
    CallerTranscribed,
    ConversationClosed,
    ConversationStarted,
    Interrupted,
    NotedEvent,
    Pinged,
    ToolReported,
    ToolRequested,
    UnknownMessage,
    VendorFaulted,
)
from ivr_bridge.telemetry.log import Log
from tests.support.legs import FakeCaller, silence_b64
from tests.support.virtual_time import run_virtual

ULAW = AudioFormat("ulaw", 8000)
AGENT_SILENT_S = 8.0


class FakeTools:
    called = failed = 0

    def __init__(self) -> None:
        self.calls: list[tuple[str, str, object]] = []

    def call(self, tool_name: str, tool_call_id: str, parameters: object) -> None:
        self.calls.append((tool_name, tool_call_id, parameters))
        self.called += 1


class Scene:
    def __init__(self, *, shut: bool, tell: bool) -> None:
        self.clock = asyncio.get_running_loop().time
        self.account = CallAccount(self.clock())
        self.to_caller = AgentToCaller(FakeCaller(), self.account, self.clock, Log())
        self.to_caller.connect(ULAW)
        self.gate = GreetingGate(shut=shut)
        self.deadlines = Deadlines(self.clock(), max_call_s=3600, caller_silent_s=60)
        self.tools = FakeTools()
        self.floor, self.filler, self.transcript = Floor(), Filler(), Transcript()
        self.floor.give()
        self.understood: list[str] = []
        self.audible = 0
        self.told: list[str] = []
        self.turns = Turns(
            to_caller=self.to_caller,
            gate=self.gate,
            floor=self.floor,
            filler=self.filler,
            transcript=self.transcript,
            deadlines=self.deadlines,
            tools=self.tools,  # type: ignore[arg-type]
            account=self.account,
            tell=self.told.append if tell else None,
            understood=self.understood.append,
            audible=self.heard,
            clock=self.clock,
            log=Log(),
        )

    def heard(self) -> None:
        self.audible += 1

    def receives(self, *events: AgentEvent) -> list[Termination]:
        ends = [self.turns.receive(event) for event in events]
        return [end for end in ends if end is not None]

    @property
    def queued_ms(self) -> float:
        return self.to_caller.playout.queued_ms + self.to_caller.playout.sent_ms


Story = Callable[[Scene], Awaitable[None]]


def play(story: Story, *, shut: bool = False, tell: bool = False) -> list[Any]:
    async def whole() -> None:
        scene = Scene(shut=shut, tell=tell)
        await story(scene)

    with capture_logs() as logs:
        run_virtual(whole())
    return logs


def audio(length_ms: float = 200, event_id: int = 1) -> AgentAudio:
    return AgentAudio(silence_b64(length_ms, 0x20), event_id)


ONE_OF_EACH: list[AgentEvent] = [
    ConversationStarted("conv_1", ULAW, ULAW),
    audio(),
    AgentResponded("hello", 1),
    AgentResponseCorrected("hello there", "hello", 1),
    AgentResponseCompleted(1),
    CallerTranscribed("hi", 2),
    CallerTentative("h", 2),
    Interrupted(3),
    ToolRequested("lookup", "t1", {}, 3),
    ToolReported("lookup", "t2", "mcp", False),
    Pinged(4, 20),
    VendorFaulted(1011, "x", "y"),
    NotedEvent("vad_score", None),
    UnknownMessage("strange"),
    ConversationClosed(1000, ""),
]


def test_every_kind_of_event_can_be_entered_and_none_ends_a_call_by_itself() -> None:
    assert {type(event) for event in ONE_OF_EACH} == set(get_args(AgentEvent))

    async def story(scene: Scene) -> None:
        assert scene.receives(*ONE_OF_EACH, *reversed(ONE_OF_EACH)) == []

    play(story)


# The gate


@pytest.mark.parametrize(
    "sign", [CallerTranscribed("hi", 2), Interrupted(2), ToolRequested("x", "t", {}, 2), AgentResponded("second", 2)]
)
def test_while_our_greeting_stands_for_it_the_agents_audio_is_dropped_until_a_sign(sign: AgentEvent) -> None:
    async def story(scene: Scene) -> None:
        scene.account.greeting = "cached"
        scene.receives(AgentResponded("welcome", 1), audio(), audio())
        assert scene.queued_ms == 0
        scene.receives(CallerTentative("h", 1), Pinged(1, None), NotedEvent("vad_score", None), audio())
        assert scene.queued_ms == 0
        scene.receives(sign, audio(event_id=2))
        assert scene.queued_ms == 200
        assert scene.account.greeting == "cached"

    said = [line["pii.text"] for line in play(story, shut=True) if line["event"] == "agent.said"]
    assert said[0] == "welcome", "its text stays"


def test_what_is_dropped_is_no_answer_and_must_not_go_on_for_ever() -> None:
    async def story(scene: Scene) -> None:
        now = scene.clock()
        scene.deadlines.caller_spoke(now)
        ends = [scene.receives(audio(20_000)) for _ in range(10)]
        assert ends == [[]] * 9 + [[Termination.AGENT_FLOODED]]
        assert scene.queued_ms == 0
        assert scene.deadlines.due(now + AGENT_SILENT_S, playing=False) is Deadline.ASK_AGAIN

    play(story, shut=True)


def test_the_agents_own_greeting_is_named_when_its_audio_goes_out() -> None:
    async def story(scene: Scene) -> None:
        scene.receives(AgentResponded("welcome", 1))
        assert scene.account.greeting == ""
        scene.receives(audio())
        assert scene.account.greeting == "agent"

    play(story)


def test_nothing_of_the_agents_reaches_a_caller_who_hears_our_last_words() -> None:
    async def story(scene: Scene) -> None:
        scene.turns.deaf = True
        scene.receives(audio(), CallerTranscribed("hello?", 2), Interrupted(3), audio(event_id=4))
        assert scene.queued_ms == 0
        assert scene.account.barge_ins == 0

    play(story)


# Barge-in


def test_an_interruption_tells_what_was_heard() -> None:
    async def story(scene: Scene) -> None:
        scene.receives(AgentResponded("one two three four five", 1), audio(2300), AgentResponseCompleted(1))
        await asyncio.sleep(1)
        scene.receives(Interrupted(2))
        assert scene.told == ["one two"]
        assert scene.account.barge_ins == 1
        assert not scene.to_caller.playout.playing(scene.clock())

    barge = [line for line in play(story, tell=True) if line["event"] == "caller.barged_in"]
    assert [(line["event_id"], line["heard_ms"], line["pii.heard"]) for line in barge] == [(1, 1000.0, "one two")]


def test_the_text_may_come_before_or_after_the_first_audio() -> None:
    async def story(scene: Scene) -> None:
        for event_id, events in enumerate(
            [
                (AgentResponded("uno dos tres", 0), audio(900, 0)),
                (audio(900, 1), AgentResponded("uno dos tres", 1)),
            ]
        ):
            scene.receives(*events, AgentResponseCompleted(event_id))
            await asyncio.sleep(0.6)
            scene.receives(Interrupted(event_id + 1))
        assert scene.told == ["uno dos", "uno dos"]

    play(story, tell=True)


def test_an_interruption_of_nothing_is_no_barge_in() -> None:
    async def story(scene: Scene) -> None:
        scene.receives(Interrupted(1), audio(100))
        await asyncio.sleep(1)
        scene.receives(Interrupted(2), CallerTranscribed("yes", 3))
        assert (scene.account.barge_ins, scene.told) == (0, [])

    play(story, tell=True)


def test_words_alone_clear_only_the_greeting_of_ours() -> None:
    async def story(scene: Scene) -> None:
        scene.receives(audio(1000))
        await asyncio.sleep(0.1)
        scene.receives(CallerTranscribed("mhm", 2))
        assert scene.to_caller.playout.playing(scene.clock())

    play(story)


# The clocks


OWES = {AgentAudio, AgentResponded, CallerTentative, ToolRequested, ToolReported}


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: type(event).__name__)
def test_which_events_are_a_sign_of_the_agent(event: AgentEvent) -> None:
    async def story(scene: Scene) -> None:
        now = scene.clock()
        scene.deadlines.caller_spoke(now)
        scene.receives(event)
        due = scene.deadlines.due(now + AGENT_SILENT_S, playing=False)
        understood = Deadline.AGENT_SILENT if isinstance(event, CallerTranscribed) else Deadline.ASK_AGAIN
        assert due is (None if type(event) in OWES else understood)

    play(story)


@pytest.mark.parametrize("event", ONE_OF_EACH, ids=lambda event: type(event).__name__)
def test_which_events_prove_that_the_caller_is_there(event: AgentEvent) -> None:
    async def story(scene: Scene) -> None:
        await asyncio.sleep(10)
        scene.receives(event)
        proves = type(event) in {CallerTranscribed, CallerTentative, Interrupted}
        assert scene.deadlines.silent_s(scene.clock()) == (0 if proves else 10)

    play(story)


# Tools, faults, counts


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ToolReported("end_call", "t1", "system", False), [Termination.AGENT_HUNG_UP]),
        (ToolReported("end_call", "t1", "system", True), []),
        (ToolReported("transfer", "t1", "system", False), []),
    ],
)
def test_only_end_call_that_worked_hangs_up(event: AgentEvent, expected: list[Termination]) -> None:
    async def story(scene: Scene) -> None:
        assert scene.receives(event) == expected

    play(story)


def test_a_tool_is_called_as_it_was_asked_for() -> None:
    async def story(scene: Scene) -> None:
        scene.receives(ToolRequested("book", "t1", {"people": 4}, 1))
        assert scene.tools.calls == [("book", "t1", {"people": 4})]
        scene.account.tools = 2
        scene.turns.account_for()
        assert scene.account.tools == 3

    play(story)


def test_a_flood_ends_the_call() -> None:
    async def story(scene: Scene) -> None:
        assert scene.receives(*[audio(20_000) for _ in range(10)])[:1] == [Termination.AGENT_FLOODED]

    play(story)


def test_turns_and_messages_are_counted_and_strange_kinds_are_logged_once() -> None:
    async def story(scene: Scene) -> None:
        scene.receives(AgentResponded("a", 1), AgentResponded("b", 2))
        scene.receives(*[NotedEvent("vad_score", None)] * 3)
        for n in range(2 * KINDS_LOGGED):
            scene.receives(UnknownMessage(f"kind {n}"), UnknownMessage(f"kind {n}"))
        account = scene.account
        assert (account.turns, account.noted_messages, account.unknown_messages) == (2, 3, 4 * KINDS_LOGGED)

    unknown = [line["kind"] for line in play(story) if line["event"] == "agent.unknown"]
    assert unknown == [f"kind {n}" for n in range(KINDS_LOGGED)]


def test_a_fault_and_a_correction_are_logged() -> None:
    async def story(scene: Scene) -> None:
        scene.receives(VendorFaulted(1008, "override_error", "not allowed"), AgentResponseCorrected("a b", "a", 1))

    fault, corrected = play(story)
    assert (fault["event"], fault["code"], fault["error_type"]) == ("agent.faulted", 1008, "override_error")
    assert (corrected["event"], corrected["pii.text"]) == ("agent.corrected", "a")
