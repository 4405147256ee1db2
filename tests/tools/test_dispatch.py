import asyncio
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel
from structlog.testing import capture_logs

from ivr_bridge.errors import ToolError
from ivr_bridge.telemetry.log import Log
from ivr_bridge.tools import dispatch as dispatch_module
from ivr_bridge.tools.context import CallControl
from ivr_bridge.tools.dispatch import TOO_MANY_TOOLS, TOOL_FAULT, TOOL_TOO_SLOW, UNKNOWN_TOOL, ToolDispatch
from ivr_bridge.tools.registry import ToolRegistry
from ivr_bridge.tools.tool import read_tool
from tests.tools.fakes import Control


class Bench:
    """A dispatch over given functions, and what it answered."""

    def __init__(self, *functions: Callable[..., object], timeout_s: float = 5, max_concurrent: int = 16) -> None:
        registry = ToolRegistry(read_tool(function, description="Test.") for function in functions)
        self.answers: list[tuple[str, str, bool]] = []
        self.answered = asyncio.Event()
        self.control = Control()
        self.dispatch = ToolDispatch(
            registry, self.control, self.answer, Log(), timeout_s=timeout_s, max_concurrent=max_concurrent
        )

    def answer(self, tool_call_id: str, text: str, is_error: bool) -> None:
        self.answers.append((tool_call_id, text, is_error))
        self.answered.set()

    async def until(self, count: int) -> list[tuple[str, str, bool]]:
        while len(self.answers) < count:
            self.answered.clear()
            await self.answered.wait()
        return self.answers

    async def one(self, name: str, **parameters: object) -> tuple[str, bool]:
        before = len(self.answers)
        self.dispatch.call(name, f"id{self.dispatch.called}", parameters)
        _, text, is_error = (await self.until(before + 1))[-1]
        return text, is_error


@dataclass
class Seat:
    number: int
    day: date


class Menu(BaseModel):
    dish: str


async def test_results_are_strings() -> None:
    def give(kind: str) -> object:
        return {
            "text": "plain",
            "empty": "",
            "none": None,
            "number": 3,
            "dict": {"a": [1, True], 2: "é"},
            "seat": Seat(4, date(2026, 11, 22)),
            "menu": [Menu(dish="soup")],
            "set": {1},
            "surrogate": "a\ud800",
        }[kind]

    bench = Bench(give)
    for kind, text in {
        "text": "plain",
        "empty": "",
        "none": "done",
        "number": "3",
        "dict": '{"a":[1,true],"2":"é"}',
        "seat": '{"number":4,"day":"2026-11-22"}',
        "menu": '[{"dish":"soup"}]',
        "set": "[1]",
        "surrogate": "a?",
    }.items():
        assert await bench.one("give", kind=kind) == (text, False)
    await bench.dispatch.close()
    assert (bench.dispatch.called, bench.dispatch.failed) == (9, 0)


async def test_a_result_that_is_no_json_or_too_long_is_an_error() -> None:
    def give(kind: str) -> object:
        return object() if kind == "object" else "x" * 200_000

    bench = Bench(give)
    for kind in ("object", "long"):
        assert await bench.one("give", kind=kind) == (TOOL_FAULT, True)


async def test_async_tools_run_in_the_loop_and_sync_ones_in_threads() -> None:
    async def in_loop() -> bool:
        return threading.current_thread() is threading.main_thread()

    def in_thread() -> bool:
        return threading.current_thread() is threading.main_thread()

    def returns_awaitable() -> object:
        return in_loop()

    bench = Bench(in_loop, in_thread, returns_awaitable)
    assert await bench.one("in_loop") == ("true", False)
    assert await bench.one("in_thread") == ("false", False)
    assert await bench.one("returns_awaitable") == ("true", False)


async def test_a_blocking_sync_tool_does_not_hold_up_the_loop() -> None:
    gate = threading.Event()

    def block() -> str:
        return "freed" if gate.wait(5) else "stuck"

    bench = Bench(block)
    bench.dispatch.call("block", "a", {})
    for _ in range(10):
        await asyncio.sleep(0.001)
    assert bench.answers == []
    gate.set()
    assert await bench.until(1) == [("a", "freed", False)]


async def test_a_sync_tool_changes_the_call_in_the_loop() -> None:
    def leave(call: CallControl) -> str:
        call.hang_up_after_playout()
        return call.info().call_sid

    bench = Bench(leave)
    assert await bench.one("leave") == ("CA1", False)
    assert bench.control.threads == [threading.get_ident()]


async def test_tools_of_one_call_run_side_by_side() -> None:
    others = asyncio.Event()
    started = 0

    async def meet() -> int:
        nonlocal started
        started += 1
        if started == 10:
            others.set()
        await others.wait()
        return started

    bench = Bench(meet)
    for n in range(10):
        bench.dispatch.call("meet", f"id{n}", {})
    answers = await bench.until(10)
    assert {tool_call_id for tool_call_id, _, _ in answers} == {f"id{n}" for n in range(10)}


async def test_more_than_max_concurrent_wait_for_their_turn() -> None:
    now = most = 0

    async def work() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await asyncio.sleep(0.001)
        now -= 1

    bench = Bench(work, max_concurrent=3)
    for n in range(20):
        bench.dispatch.call("work", f"id{n}", {})
    assert len(await bench.until(20)) == 20
    assert most == 3
    assert bench.dispatch.failed == 0


async def test_a_flood_of_calls_is_answered_with_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch_module, "MAX_WAITING", 4)

    async def never() -> None:
        await asyncio.Event().wait()

    bench = Bench(never)
    for n in range(6):
        bench.dispatch.call("never", f"id{n}", {})
    assert bench.answers == [("id4", TOO_MANY_TOOLS, True), ("id5", TOO_MANY_TOOLS, True)]
    await bench.dispatch.close()


async def test_errors_are_short_sentences_and_never_a_traceback() -> None:
    def divide(n: int) -> float:
        return 1 / n

    def refuse() -> None:
        raise ToolError("We are  full\non Friday.")

    def leave() -> None:
        raise SystemExit(2)

    async def cancels_itself() -> None:
        raise asyncio.CancelledError

    bench = Bench(divide, refuse, leave, cancels_itself)
    with capture_logs() as lines:
        assert await bench.one("divide", n=0) == (TOOL_FAULT, True)
        assert await bench.one("divide", n="zero") == ("I still need a valid value for: n.", True)
        assert await bench.one("refuse") == ("We are full on Friday.", True)
        assert await bench.one("leave") == (TOOL_FAULT, True)
        assert await bench.one("cancels_itself") == (TOOL_FAULT, True)
        assert await bench.one("nothing") == (UNKNOWN_TOOL, True)
    assert (bench.dispatch.called, bench.dispatch.failed) == (6, 6)
    failed = [line for line in lines if line["event"] == "tool.failed"]
    assert [line["code"] for line in failed] == [
        "tool_raised",
        "bad_arguments",
        "tool_error",
        "tool_raised",
        "tool_raised",
        "unknown_tool",
    ]
    assert failed[0]["error"].startswith("ZeroDivisionError at test_dispatch.py:")
    assert "full" not in failed[2]["error"]


async def test_the_time_limit_counts_from_being_asked() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    bench = Bench(never, timeout_s=0.02, max_concurrent=1)
    for n in range(3):
        bench.dispatch.call("never", f"id{n}", {})
    answers = await bench.until(3)
    assert answers == [(f"id{n}", TOOL_TOO_SLOW, True) for n in range(3)]
    await bench.dispatch.close()
    assert len(bench.answers) == 3


async def test_a_tool_that_will_not_be_cancelled_is_still_answered_in_time() -> None:
    release = asyncio.Event()

    async def stubborn() -> str:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    bench = Bench(stubborn, timeout_s=0.02)
    assert await bench.one("stubborn") == (TOOL_TOO_SLOW, True)
    release.set()
    await bench.dispatch.close()
    assert len(bench.answers) == 1


async def test_a_slow_sync_tool_is_answered_in_time_and_once() -> None:
    gate = threading.Event()
    bench = Bench(_named("slow", lambda: gate.wait(5)), timeout_s=0.02)
    assert await bench.one("slow") == (TOOL_TOO_SLOW, True)
    gate.set()
    await asyncio.sleep(0.02)
    assert len(bench.answers) == 1


def _named(name: str, body: Callable[[], object]) -> Callable[[], object]:
    def function() -> object:
        return body()

    function.__name__ = name
    return function


async def test_a_repeated_id_is_ignored() -> None:
    asked = 0

    async def ask() -> int:
        nonlocal asked
        asked += 1
        return asked

    bench = Bench(ask)
    bench.dispatch.call("ask", "same", {})
    bench.dispatch.call("ask", "same", {})
    assert await bench.until(1) == [("same", "1", False)]
    bench.dispatch.call("ask", "same", {})
    bench.dispatch.call("nothing", "same", {})
    await bench.dispatch.close()
    assert (len(bench.answers), asked, bench.dispatch.called, bench.dispatch.repeated) == (1, 1, 1, 3)


async def test_close_cancels_and_logs_and_sends_nothing() -> None:
    cancelled = asyncio.Event()
    started = asyncio.Event()

    async def wait() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    gate = threading.Event()
    bench = Bench(wait, _named("slow", lambda: gate.wait(5)))
    before = asyncio.all_tasks()
    with capture_logs() as lines:
        bench.dispatch.call("wait", "a", {})
        bench.dispatch.call("slow", "b", {})
        await started.wait()
        bench.dispatch.call("wait", "never begun", {})
        await bench.dispatch.close()
        gate.set()
        bench.dispatch.call("wait", "after", {})
        await bench.dispatch.close()
    assert cancelled.is_set()
    assert bench.answers == []
    assert [line["tool_call_id"] for line in lines if line["event"] == "tool.cancelled"] == ["a", "b", "never begun"]
    assert asyncio.all_tasks() == before
    assert bench.dispatch.called == 3


async def test_close_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch_module, "CLOSE_S", 0.02)
    release = asyncio.Event()

    async def stubborn() -> str:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    bench = Bench(stubborn)
    bench.dispatch.call("stubborn", "a", {})
    await asyncio.sleep(0)
    await bench.dispatch.close()
    release.set()
    await asyncio.sleep(0.01)
    assert bench.answers == []


async def test_events_hold_arguments_and_results_under_pii_only() -> None:
    async def echo(words: str) -> str:
        return words

    bench = Bench(echo)
    with capture_logs() as lines:
        await bench.one("echo", words="my secret")
    called, answered = lines
    assert called["event"] == "tool.called"
    assert orjson.loads(called["pii.arguments"]) == {"words": "my secret"}
    assert answered["event"] == "tool.answered"
    assert answered["pii.result"] == "my secret"
    assert answered["ms"] >= 0
    for line in lines:
        assert "secret" not in str({name: value for name, value in line.items() if not name.startswith("pii.")})


ACTIONS = st.lists(
    st.one_of(
        st.tuples(
            st.just("call"),
            st.sampled_from(["now", "later", "thread", "fails", "never", "unknown", "takes"]),
            st.integers(0, 8),
        ),
        st.tuples(st.just("tick"), st.just(""), st.integers(0, 3)),
    ),
    max_size=25,
)


@settings(max_examples=40, deadline=None)
@given(actions=ACTIONS, close_early=st.booleans())
def test_exactly_one_result_in_any_order(actions: list[tuple[str, str, int]], close_early: bool) -> None:
    async def now() -> int:
        return 1

    async def later() -> None:
        await asyncio.sleep(0.001)

    def thread() -> None:
        time.sleep(0.0005)

    def fails() -> None:
        raise ValueError

    async def never() -> None:
        await asyncio.Event().wait()

    def takes(n: int) -> int:
        return n

    async def play() -> tuple[Counter[str], set[str], ToolDispatch, Any]:
        bench = Bench(now, later, thread, fails, never, takes, timeout_s=0.03, max_concurrent=2)
        asked: set[str] = set()
        for kind, name, n in actions:
            if kind == "call":
                asked.add(f"id{n}")
                bench.dispatch.call(name, f"id{n}", {})
            for _ in range(n if kind == "tick" else 0):
                await asyncio.sleep(0)
        if not close_early:
            await bench.until(len(asked))
        await bench.dispatch.close()
        at_close = len(bench.answers)
        await asyncio.sleep(0.003)
        assert len(bench.answers) == at_close
        left = asyncio.all_tasks() - {asyncio.current_task()}
        return Counter(answer[0] for answer in bench.answers), asked, bench.dispatch, left

    with capture_logs() as lines:
        answers, asked, dispatch, left = asyncio.run(play())
    ends = Counter(
        line["tool_call_id"] for line in lines if line["event"] in ("tool.answered", "tool.failed", "tool.cancelled")
    )
    assert ends == Counter(dict.fromkeys(asked, 1))
    assert all(count == 1 for count in answers.values())
    assert close_early or set(answers) == asked
    assert dispatch.called == len(asked)
    assert not left
