"""Slots: who has one, for how long, and that the account is written once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast

import pytest
from structlog.testing import capture_logs

from ivr_bridge.bridge.account import CallAccount
from ivr_bridge.bridge.call import Call
from ivr_bridge.bridge.call_state import CallState, CallStep
from ivr_bridge.bridge.live_calls import NEXT_WORD_DUE_S, STREAM_DUE_S, LiveCall, LiveCalls
from ivr_bridge.bridge.termination import FAR_ENDS, LEAVINGS, Termination
from ivr_bridge.errors import LocalProtocolError
from ivr_bridge.flows.moves import Transfer
from ivr_bridge.telemetry.log import Log
from ivr_bridge.twilio.call_desk import ConnectStream, Spoken
from tests.support.call_scene import JUST_THE_AGENT, journey
from tests.support.front_desk import incoming, sid
from tests.support.virtual_time import run_virtual


def live(number: int = 1) -> LiveCall:
    begun_at = asyncio.get_running_loop().time()
    log = Log()
    no_ivr: Any = None
    return LiveCall(incoming(sid(number)), no_ivr, journey(JUST_THE_AGENT, log), {}, log, CallAccount(begun_at))


def play(story: Callable[[LiveCalls], Awaitable[None]], limit: int = 2) -> list[Any]:
    async def scene() -> None:
        await story(LiveCalls(limit))

    with capture_logs() as logs:
        run_virtual(scene())
    return [line for line in logs if line["event"] != "flow.chosen"]


def streamed(call: LiveCall, termination: Termination) -> None:
    call.step(CallStep.STREAM_STARTED)
    call.step(CallStep.STREAM_ENDED)
    call.stream_termination = termination


def test_the_end_of_a_stream_is_waited_for_by_any_number_and_by_nobody_without_one() -> None:
    async def story(_calls: LiveCalls) -> None:
        call, stream = live(), cast(Call, object())
        await call.stream_gone()
        for _ in range(2):
            call.call = stream
            waiting = [asyncio.ensure_future(call.stream_gone()) for _ in range(2)]
            await asyncio.sleep(1)
            assert not any(each.done() for each in waiting)
            call.let_stream_go()
            await asyncio.gather(*waiting)
            assert call.call is None

    play(story)


def test_a_slot_is_taken_and_given_back_once() -> None:
    async def story(calls: LiveCalls) -> None:
        first, second, third = live(1), live(2), live(3)
        assert [calls.admit(call) for call in (first, second, third)] == [True, True, False]
        assert (len(calls), calls.find(sid(1)), calls.find(sid(3))) == (2, first, None)
        calls.end(first, Termination.CALLER_HUNG_UP)
        calls.end(first, Termination.BRIDGE_FAULTED)
        assert (len(calls), calls.ended, calls.find(sid(1)), calls.all()) == (1, 1, None, [second])
        assert first.state is CallState.OVER
        assert calls.admit(third)

    logs = play(story)
    assert [(line["event"], line["reason"], line["result"]) for line in logs] == [
        ("call.ended", "caller_hung_up", "completed")
    ]


def test_a_call_whose_stream_lives_cannot_be_over() -> None:
    async def story(calls: LiveCalls) -> None:
        call = live()
        calls.admit(call)
        call.step(CallStep.STREAM_STARTED)
        with pytest.raises(LocalProtocolError):
            calls.end(call, Termination.DRAINED)
        assert len(calls) == 1

    play(story)


def test_a_stream_is_waited_for_as_long_as_its_token_lives() -> None:
    async def story(calls: LiveCalls) -> None:
        calls.admit(call := live())
        calls.await_stream(call)
        await asyncio.sleep(STREAM_DUE_S - 0.1)
        assert len(calls) == 1
        await asyncio.sleep(0.2)
        assert len(calls) == 0

    assert [line["reason"] for line in play(story)] == ["stream_never_came"]


def test_what_was_waited_for_is_not_any_more_when_the_call_moves_on() -> None:
    async def story(calls: LiveCalls) -> None:
        calls.admit(call := live())
        calls.await_stream(call)
        call.step(CallStep.STREAM_STARTED)
        await asyncio.sleep(STREAM_DUE_S + 1)
        call.step(CallStep.STREAM_ENDED)
        calls.await_next_word(call)
        await asyncio.sleep(1)
        call.admit_again()
        await asyncio.sleep(NEXT_WORD_DUE_S + 1)
        assert calls.all() == [call]

    assert play(story) == []


@pytest.mark.parametrize(
    ("ended", "expected"),
    [
        (Termination.STREAM_ENDED, Termination.STREAM_UNEXPLAINED),
        (Termination.STREAM_LOST, Termination.STREAM_UNEXPLAINED),
        (Termination.AGENT_HUNG_UP, Termination.AGENT_HUNG_UP),
        (Termination.STREAM_STALLED, Termination.STREAM_STALLED),
        (Termination.TRANSFERRED, Termination.STREAM_UNEXPLAINED),
        (Termination.VOICEMAIL_LEFT, Termination.STREAM_UNEXPLAINED),
    ],
)
def test_twilios_next_word_is_waited_for(ended: Termination, expected: Termination) -> None:
    async def story(calls: LiveCalls) -> None:
        calls.admit(call := live())
        streamed(call, ended)
        calls.await_next_word(call)
        await asyncio.sleep(NEXT_WORD_DUE_S - 0.1)
        assert len(calls) == 1
        await asyncio.sleep(0.2)
        assert len(calls) == 0

    assert [line["reason"] for line in play(story)] == [expected.code]


@pytest.mark.parametrize("ended", [None, *Termination])
def test_the_final_word(ended: Termination | None) -> None:
    async def story(_calls: LiveCalls) -> None:
        call = live()
        if ended is not None:
            streamed(call, ended)
        assert call.final(by_status=False) is (ended or Termination.STREAM_NEVER_CAME)
        by_caller = ended is None or ended in FAR_ENDS or ended in LEAVINGS
        assert call.final(by_status=True) is (Termination.CALLER_HUNG_UP if by_caller else ended)

    play(story)


@pytest.mark.parametrize("left", sorted(LEAVINGS, key=lambda ending: ending.code))
def test_the_final_word_of_a_call_that_is_away_is_what_it_was_left_for(left: Termination) -> None:
    async def story(_calls: LiveCalls) -> None:
        call = live()
        streamed(call, left)
        assert call.final(by_status=True) is Termination.CALLER_HUNG_UP, "before Twilio went on with it"
        call.step(CallStep.HANDED_OVER)
        assert call.final(by_status=True) is call.final(by_status=False) is left

    play(story)


def away(calls: LiveCalls, due_s: float, left: Termination = Termination.TRANSFERRED) -> LiveCall:
    call = live()
    calls.admit(call)
    streamed(call, left)
    call.step(CallStep.HANDED_OVER)
    calls.await_return(call, due_s)
    return call


def test_a_call_that_is_away_keeps_its_slot_as_long_as_a_call_may_take() -> None:
    async def story(calls: LiveCalls) -> None:
        away(calls, 300)
        await asyncio.sleep(299.9)
        assert len(calls) == 1
        await asyncio.sleep(0.2)
        assert len(calls) == 0

    assert [line["reason"] for line in play(story)] == ["transferred"]


def test_a_call_that_is_away_may_come_back() -> None:
    async def story(calls: LiveCalls) -> None:
        call = away(calls, 300)
        call.journey.leaving = Transfer("+15550100")
        call.admit_again()
        assert (call.state, call.stream_termination, call.journey.leaving) == (CallState.ADMITTED, None, None)
        await asyncio.sleep(301)
        assert calls.all() == [call]

    assert play(story) == []


def test_only_the_newest_of_two_waits_counts() -> None:
    async def story(calls: LiveCalls) -> None:
        call = away(calls, 300)
        await asyncio.sleep(299)
        call.stream_termination = Termination.VOICEMAIL_LEFT
        calls.await_return(call, 300)
        await asyncio.sleep(299)
        assert len(calls) == 1
        await asyncio.sleep(2)
        assert len(calls) == 0

    assert [line["reason"] for line in play(story)] == ["voicemail_left"]


def test_a_call_taken_up_again_forgets_its_stream_and_its_answer() -> None:
    async def story(_calls: LiveCalls) -> None:
        call = live()
        call.answer = ConnectStream("used up", Spoken("", "en"))
        streamed(call, Termination.AGENT_LOST)
        call.prompt_played = True
        call.admit_again()
        assert (call.state, call.answer, call.stream_termination, call.prompt_played) == (
            CallState.ADMITTED, None, None, False,
        )  # fmt: skip

    play(story)


def test_all_over_waits_for_the_last_call() -> None:
    async def story(calls: LiveCalls) -> None:
        await calls.all_over()
        first, second = live(1), live(2)
        calls.admit(first)
        calls.admit(second)
        waiting = asyncio.ensure_future(calls.all_over())
        calls.end(first, Termination.CALLER_HUNG_UP)
        await asyncio.sleep(1)
        assert not waiting.done()
        calls.end(second, Termination.CALLER_HUNG_UP)
        await waiting

    play(story)


def test_what_a_tool_may_know() -> None:
    async def story(_calls: LiveCalls) -> None:
        call = live()
        await asyncio.sleep(12.34)
        info = call.info()
        assert (info.call_sid, info.caller, info.called) == (sid(1), "+15550100001", "+15550100002")
        assert (info.duration_s, info.language, info.conversation_id) == (12.3, "en", None)
        assert info.started_at.endswith("+00:00")
        call.account.conversation_id = "conv_1"
        assert call.info().conversation_id == "conv_1"

    play(story)


def test_who_is_being_called_holds_a_slot() -> None:
    async def story(calls: LiveCalls) -> None:
        calls.reserved = 1
        assert calls.admit(live(1))
        assert not calls.admit(live(2))
        calls.reserved = 0
        assert calls.admit(live(2))

    play(story)
