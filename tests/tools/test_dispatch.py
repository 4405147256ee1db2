import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

import pytest
from pydantic import BaseModel
from structlog.testing import capture_logs

from ivr_bridge.errors import ToolError
from ivr_bridge.tools import dispatch as dispatch_module
from ivr_bridge.tools.context import CallControl
from ivr_bridge.tools.dispatch import TOO_MANY_TOOLS, TOOL_FAULT, TOOL_TOO_SLOW, UNKNOWN_TOOL
from tests.tools.bench import Bench


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
