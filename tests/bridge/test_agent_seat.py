"""The seat of one stream's agent, over an in-memory leg on virtual time."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from ivr_bridge.audio.formats import AudioFormat
from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.agent_seat import AgentSeat, Ended, Failed, Outcome, Relieved
from ivr_bridge.bridge.agent_to_caller import AgentToCaller
from ivr_bridge.bridge.caller_to_agent import CallerToAgent
from ivr_bridge.bridge.fallback import Cause
from ivr_bridge.bridge.parked_agents import ParkedAgent
from ivr_bridge.elevenlabs.conversation.events import AgentAudio, AgentEvent, AgentResponded, ConversationClosed
from ivr_bridge.errors import AgentRefused, AgentUnreachable, AudioFormatError
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.stream_events import CallerAudio
from tests.support.legs import FakeAgent, FakeCaller, silence_b64
from tests.support.virtual_time import run_virtual

HELLO = AgentResponded("hello", 1)


@dataclass
class Scene:
    seat: AgentSeat
    account: CallAccount
    to_agent: CallerToAgent
    agent: FakeAgent = field(default_factory=FakeAgent)
    heard: list[AgentEvent] = field(default_factory=list)
    seated: list[Any] = field(default_factory=list)
    logs: list[Any] = field(default_factory=list)

    def parked(self, error: Exception | None = None, after_s: float = 0.0) -> ParkedAgent:
        async def dial() -> FakeAgent:
            await asyncio.sleep(after_s)
            if error is not None:
                raise error
            return self.agent

        return ParkedAgent(dial, Log())

    def frame(self) -> None:
        self.to_agent.audio(CallerAudio(silence_b64(20), 0, 0.0))


def play(story: Callable[[Scene], Awaitable[None]]) -> Scene:
    async def run() -> Scene:
        clock = asyncio.get_running_loop().time
        account, heard, seated = CallAccount(clock()), [], []  # type: ignore[var-annotated]
        to_agent = CallerToAgent(account, lambda: None)
        to_caller = AgentToCaller(FakeCaller(), account, clock, Log())
        seat = AgentSeat(
            hear=heard.append, seated=seated.append, to_agent=to_agent, to_caller=to_caller, account=account,
            connect_s=8.0, log=Log(),
        )  # fmt: skip
        scene = Scene(seat, account, to_agent, heard=heard, seated=seated)
        await story(scene)
        return scene

    with capture_logs() as logs:
        scene = run_virtual(run())
    scene.logs = logs
    return scene


async def held(scene: Scene, parked: ParkedAgent, *events: AgentEvent) -> Outcome:
    holding = asyncio.ensure_future(scene.seat.hold(parked))
    await asyncio.sleep(0.1)
    scene.agent.says(*events)
    async with asyncio.timeout(60):
        return await holding


def test_it_seats_the_agent_and_hears_it_in_the_moment_it_speaks() -> None:
    async def story(scene: Scene) -> None:
        holding = asyncio.ensure_future(scene.seat.hold(scene.parked()))
        await asyncio.sleep(0.1)
        assert scene.seated == [scene.agent]
        assert scene.seat.agent is scene.agent
        assert scene.seat.expected is None
        scene.agent.says(HELLO)
        assert scene.heard == [HELLO]
        scene.agent.says(ConversationClosed(1000, ""))
        assert await holding == Ended()
        assert scene.seat.closed_itself
        assert scene.account.conversation_id == "conv_1"

    scene = play(story)
    assert [line["event"] for line in scene.logs] == ["audio.chained", "agent.closed"]


def test_what_was_said_is_not_kept_as_long_as_the_conversation_lasts() -> None:
    def kept() -> int:
        return sum(type(thing) is AgentAudio for thing in gc.get_objects())

    async def story(scene: Scene) -> None:
        before = kept()
        parked = scene.parked()
        await asyncio.sleep(0.1)
        scene.agent.speaks(600)
        await asyncio.sleep(0.1)
        holding = asyncio.ensure_future(scene.seat.hold(parked))
        await asyncio.sleep(0.1)
        assert len(scene.heard) == 3
        assert kept() == before + 3
        scene.heard.clear()
        assert kept() == before
        scene.agent.says(ConversationClosed(1000, ""))
        await holding

    play(story)


def test_what_was_said_before_it_was_seated_comes_first() -> None:
    async def story(scene: Scene) -> None:
        parked = scene.parked()
        await asyncio.sleep(0.1)
        scene.agent.says(HELLO)
        await asyncio.sleep(1)
        assert scene.heard == []
        later = AgentResponded("later", 2)
        assert await held(scene, parked, later, ConversationClosed(1000, "")) == Ended()
        assert scene.heard == [HELLO, later]

    play(story)


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (AgentUnreachable("down"), Cause.UNREACHABLE),
        (AgentRefused("401"), Cause.REFUSED),
        (AudioFormatError("opus"), Cause.AUDIO_FORMAT),
    ],
)
def test_an_agent_that_does_not_come(error: Exception, cause: Cause) -> None:
    async def story(scene: Scene) -> None:
        assert await held(scene, scene.parked(error)) == Failed(cause, str(error), seated=False)
        assert scene.seated == []

    play(story)


def test_a_format_that_we_do_not_speak_is_a_failure_and_the_leg_is_left_for_closing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def connect(_to_caller: AgentToCaller, _format: AudioFormat) -> str:
        raise AudioFormatError("no chain")

    async def story(scene: Scene) -> None:
        monkeypatch.setattr(AgentToCaller, "connect", connect)
        outcome = await held(scene, scene.parked())
        assert isinstance(outcome, Failed)
        assert outcome == Failed(Cause.AUDIO_FORMAT, "no chain", seated=False)
        assert scene.seated == []
        assert scene.seat.leave() is scene.agent

    play(story)


def test_an_agent_that_takes_too_long_is_not_waited_for_and_can_be_discarded() -> None:
    async def story(scene: Scene) -> None:
        began_at = asyncio.get_running_loop().time()
        parked = scene.parked(after_s=100)
        outcome = await scene.seat.hold(parked)
        assert isinstance(outcome, Failed)
        assert outcome.cause is Cause.UNREACHABLE
        assert asyncio.get_running_loop().time() - began_at == pytest.approx(8.0)
        assert scene.seat.expected is parked
        await parked.discard("late")

    play(story)


@pytest.mark.parametrize(
    ("close_code", "reason", "cause"),
    [(1011, "crash", Cause.LOST), (1006, "", Cause.LOST), (1008, "override not allowed", Cause.REFUSED)],
)
def test_a_close_with_an_error(close_code: int, reason: str, cause: Cause) -> None:
    async def story(scene: Scene) -> None:
        outcome = await held(scene, scene.parked(), ConversationClosed(close_code, reason))
        assert isinstance(outcome, Failed)
        assert (outcome.cause, outcome.seated) == (cause, True)
        assert scene.account.agent_close_code == close_code

    play(story)


def test_one_that_was_closed_before_it_was_seated() -> None:
    async def story(scene: Scene) -> None:
        parked = scene.parked()
        await asyncio.sleep(0.1)
        scene.agent.says(HELLO, ConversationClosed(1011, "crash"))
        await asyncio.sleep(0.1)
        outcome = await scene.seat.hold(parked)
        assert isinstance(outcome, Failed)
        assert scene.heard == [HELLO]

    play(story)


def test_a_relieved_agent_is_not_heard_any_more_and_gets_no_audio() -> None:
    async def story(scene: Scene) -> None:
        holding = asyncio.ensure_future(scene.seat.hold(scene.parked()))
        await asyncio.sleep(0.1)
        scene.frame()
        silent = Failed(Cause.SILENT, "no audio", seated=True)
        scene.seat.relieve(silent)
        scene.seat.relieve(Relieved())
        scene.agent.says(HELLO)
        assert await holding == silent, "the first reason wins"
        assert scene.heard == []
        assert not scene.seat.closed_itself
        assert scene.seat.leave() is scene.agent
        scene.frame()
        assert len(scene.agent.audio) == 1
        assert scene.seat.leave() is None

    play(story)


def test_one_that_is_relieved_on_its_way_is_not_seated() -> None:
    async def story(scene: Scene) -> None:
        parked = scene.parked(after_s=1)
        holding = asyncio.ensure_future(scene.seat.hold(parked))
        await asyncio.sleep(0.1)
        scene.seat.relieve(Relieved())
        assert await holding == Relieved()
        await asyncio.sleep(2)
        assert scene.seated == []
        assert scene.seat.expected is parked
        await parked.discard("another one")
        assert scene.agent.closed

    play(story)


def test_relieving_an_empty_seat_is_harmless() -> None:
    async def story(scene: Scene) -> None:
        scene.seat.relieve(Relieved())
        assert scene.seat.leave() is None
        assert await held(scene, scene.parked(), ConversationClosed(1000, "")) == Ended()

    play(story)


def test_one_after_the_other_what_the_caller_said_between_them_is_kept() -> None:
    async def story(scene: Scene) -> None:
        await held(scene, scene.parked(), ConversationClosed(1011, ""))
        scene.seat.leave()
        scene.frame()  # for nobody
        scene.agent = FakeAgent()
        scene.agent.conversation_id = "conv_2"
        scene.to_agent.expect()
        scene.frame()
        assert await held(scene, scene.parked(), ConversationClosed(1000, "")) == Ended()
        assert len(scene.agent.audio) == 1
        assert scene.account.conversation_id == "conv_2"
        assert len(scene.seated) == 2

    play(story)


def test_cancelling_leaves_no_task_and_hands_the_leg_back() -> None:
    async def story(scene: Scene) -> None:
        holding = asyncio.ensure_future(scene.seat.hold(scene.parked()))
        await asyncio.sleep(0.1)
        holding.cancel()
        with pytest.raises(asyncio.CancelledError):
            await holding
        assert scene.seat.agent is scene.agent

    play(story)


def test_a_bug_in_hearing_is_not_swallowed() -> None:
    async def story(scene: Scene) -> None:
        holding = asyncio.ensure_future(scene.seat.hold(scene.parked()))
        await asyncio.sleep(0.1)
        scene.agent.says(RuntimeError("a bug"))  # type: ignore[arg-type]
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="a bug"):
            await holding

    def raising(_event: AgentEvent) -> None:
        raise RuntimeError("a bug")

    async def run(scene: Scene) -> None:
        scene.seat._hear = raising
        await story(scene)

    play(run)


def test_stale_audio_of_every_agent_is_counted() -> None:
    async def story(scene: Scene) -> None:
        for count in (2, 3):
            scene.agent = FakeAgent()
            scene.agent.stale_audio = count
            await held(scene, scene.parked(), ConversationClosed(1000, ""))
            scene.seat.leave()
        assert scene.account.stale_audio == 5

    play(story)
